import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";
import { checkCluster, describeCluster } from "../../src/cluster/kubernetes/cluster-checks.js";
import type { KubeApi } from "../../src/cluster/kubernetes/kube-api.js";
import { permissions } from "../../src/cluster/kubernetes/permissions.js";
import { systemClock } from "../../src/lib/clock.js";
import { anApiProxy } from "./support/api-proxy.js";
import { until } from "./support/until.js";
import { aNamespace, connect, describeOnCluster, kubeconfig } from "./support/test-cluster.js";

const clock = systemClock;

describeOnCluster("What is told of a cluster", () => {
  let api: KubeApi;
  let namespace: string;
  let remove: () => Promise<void>;
  const here = (): { namespace: string; functionsNamespace: string } => ({ namespace, functionsNamespace: namespace });

  beforeAll(async () => {
    api = connect();
    ({ namespace, remove } = await aNamespace(api));
  });
  afterAll(async () => {
    await remove();
    api.close();
  });

  it("is its version and how many nodes it has", async () => {
    expect(await describeCluster({ api })).toMatch(/^Kubernetes v1\.\d+\.\d+.*, \d+ nodes?$/);
  });

  it("is that all is well where it is", async () => {
    const checks = await checkCluster({ api, clock, ...here() });
    expect(checks.map(({ name, ok }) => `${name}: ${ok}`)).toEqual([
      "Kubernetes: true",
      "clock: true",
      "functions' namespace: true",
      "permissions: true",
    ]);
  });

  it("is that a namespace is missing, and that a clock is wrong", async () => {
    const late = { ...clock, now: () => new Date(Date.now() - 60_000) };
    const checks = await checkCluster({ api, clock: late, namespace, functionsNamespace: "no-such-namespace" });
    expect(checks).toContainEqual({
      name: "clock",
      ok: false,
      message: expect.stringMatching(/^The clock of this process is (59|60|61) s behind the API server's/),
    });
    expect(checks).toContainEqual({
      name: "functions' namespace",
      ok: false,
      message: expect.stringMatching(/^There is no namespace no-such-namespace/),
    });
  });

  it("is what a service account lacks, and nothing once it has what the list says", async () => {
    const account = await aServiceAccount();
    const before = await checkCluster({ api: account.api, clock, ...here() });
    expect(before.find(({ name }) => name === "permissions")).toEqual({
      name: "permissions",
      ok: false,
      message: expect.stringContaining(
        "may not get namespaces (functions namespace), get pods (functions namespace), list pods (functions namespace)",
      ),
    });
    await account.grant();
    const allowed = (): Promise<boolean> =>
      checkCluster({ api: account.api, clock, ...here() }).then((checks) => checks.every(({ ok }) => ok));
    await until("the role to be in force", allowed);
    expect(await describeCluster({ api: account.api })).toMatch(/^Kubernetes v[^,]*$/);
    await account.stop();
  });

  it("is that it can't be reached", async () => {
    const { file, proxy, stop } = await anApiProxy();
    const cut = connect(file);
    await proxy.goAway();
    expect(await checkCluster({ api: cut, clock, ...here() })).toEqual([
      { name: "Kubernetes", ok: false, message: expect.stringMatching(/can't be reached: ECONNREFUSED\.$/) },
    ]);
    expect(await describeCluster({ api: cut })).toBe("Kubernetes, which can't be reached");
    await proxy.comeBack();
    cut.close();
    await stop();
  });

  /** One that may do nothing until it is granted what the list of permissions says. */
  async function aServiceAccount(): Promise<{ api: KubeApi; grant: () => Promise<void>; stop: () => Promise<void> }> {
    const folder = `/api/v1/namespaces/${namespace}`;
    await api.call({ method: "POST", path: `${folder}/serviceaccounts`, body: { metadata: { name: "poolmgr" } } });
    const tokenPath = `${folder}/serviceaccounts/poolmgr/token`;
    const { status } = await api.call<{ status: { token: string } }>({
      method: "POST",
      path: tokenPath,
      body: { spec: {} },
    });
    const config = parse(await readFile(kubeconfig, "utf8")) as { users: { user: object }[] };
    config.users[0]!.user = { token: status.token };
    const home = await mkdtemp(path.join(tmpdir(), "fermi-account-"));
    await writeFile(path.join(home, "config"), stringify(config), { mode: 0o600 });
    const own = connect(path.join(home, "config"));
    return {
      api: own,
      grant,
      stop: async () => {
        own.close();
        await rm(home, { recursive: true });
      },
    };
  }

  async function grant(): Promise<void> {
    const rules = permissions.map(({ group, resource, subresource, verbs }) => ({
      apiGroups: [group],
      resources: [subresource === undefined ? resource : `${resource}/${subresource}`],
      verbs,
    }));
    const folder = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    await api.call({ method: "POST", path: `${folder}/roles`, body: { metadata: { name: "all" }, rules } });
    const body = {
      metadata: { name: "all" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "all" },
      subjects: [{ kind: "ServiceAccount", name: "poolmgr", namespace }],
    };
    await api.call({ method: "POST", path: `${folder}/rolebindings`, body });
  }
});
