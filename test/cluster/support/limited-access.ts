/** A kubeconfig that may do no more than it is granted: that of a service account of its own. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";
import type { KubeApi } from "../../../src/cluster/kubernetes/kube-api.js";
import { kubeconfig } from "./test-cluster.js";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const rbac = "/apis/rbac.authorization.k8s.io/v1";

export interface LimitedAccess {
  readonly file: string;
  /** In the namespace. */
  grant(rules: readonly Rule[]): Promise<void>;
  revoke(): Promise<void>;
  remove(): Promise<void>;
}

export async function limitedAccess(api: KubeApi, namespace: string): Promise<LimitedAccess> {
  const name = "limited";
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await api.call({ method: "POST", path: accounts, body: { metadata: { name } } });
  const { status } = await api.call<{ status: { token: string } }>({
    ...{ method: "POST", path: `${accounts}/${name}/token` },
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3_600 } },
  });
  const config = parse(await readFile(kubeconfig, "utf8")) as { users: { user: object }[] };
  for (const user of config.users) user.user = { token: status.token };
  const folder = await mkdtemp(path.join(tmpdir(), "fermi-limited-"));
  const file = path.join(folder, "config");
  await writeFile(file, stringify(config), { mode: 0o600 });
  const roles = `${rbac}/namespaces/${namespace}/roles`;
  return {
    file,
    grant: async (rules) => {
      await api.call({ method: "POST", path: roles, body: { metadata: { name }, rules } });
      const body = {
        metadata: { name },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
        subjects: [{ kind: "ServiceAccount", name, namespace }],
      };
      await api.call({ method: "POST", path: `${rbac}/namespaces/${namespace}/rolebindings`, body });
    },
    revoke: async () => {
      await api.call({ method: "DELETE", path: `${rbac}/namespaces/${namespace}/rolebindings/${name}` });
      await api.call({ method: "DELETE", path: `${roles}/${name}` });
    },
    remove: () => rm(folder, { recursive: true }),
  };
}
