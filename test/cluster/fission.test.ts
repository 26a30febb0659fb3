/** Images of Fission's contracts in real pods, with the fetcher beside them. */
import { hash } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { KubeApi } from "../../src/cluster/kubernetes/kube-api.js";
import { KubeError } from "../../src/cluster/kubernetes/kube-error.js";
import type { KubernetesDriver, KubernetesDriverOptions } from "../../src/cluster/kubernetes/kubernetes-driver.js";
import type { ClusterInstance, SpecializeRequest } from "../../src/cluster/cluster-driver.js";
import type { RuntimeContract } from "../../src/model/environment.js";
import { Changes } from "../contract/changes.js";
import { aRequest } from "../contract/cluster-driver.contract.js";
import { anEnvironment } from "../contract/environments.js";
import { eventually } from "../support/harness.js";
import { aDriver, aKubernetesDriver, fermiImage } from "./support/kubernetes-subject.js";
import { aNamespace, connect, describeOnCluster, podsOf } from "./support/test-cluster.js";

const nodeImage = process.env["FERMI_TEST_FISSION_NODE_IMAGE"] ?? "fermi-test/fission-node";
const pythonImage = process.env["FERMI_TEST_FISSION_PYTHON_IMAGE"] ?? "fermi-test/fission-python";
const signal = (): AbortSignal => AbortSignal.timeout(60_000);
/** For a machine that does much else: a pod takes one second there, and sometimes fifteen. */
const patienceMs = 120_000;
const jsHello = `module.exports = async ({ request }) => {
  if (request.query.exit) process.exit(3);
  return { status: 200, body: "Hello" };
};`;

const aFissionRequest = (source: string, change: Partial<SpecializeRequest> = {}): SpecializeRequest =>
  aRequest(source, { code: { source, sha256: hash("sha256", source) }, ...change });

describeOnCluster("Fission's images on Kubernetes", () => {
  let api: KubeApi;
  let driver: KubernetesDriver;
  let namespace: string;
  let stop: () => Promise<void>;
  const stops: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    api = connect();
    ({ driver, namespace, stop } = await aKubernetesDriver());
  }, patienceMs);
  afterEach(async () => {
    for (const end of stops.splice(0).reverse()) await end();
  });
  afterAll(async () => {
    await stop();
    api.close();
  });

  async function claim(image: string, contract: RuntimeContract, from = driver): Promise<ClusterInstance> {
    const environment = anEnvironment({ image, contract, poolSize: 1, gracePeriodSeconds: 1 });
    await from.ensurePool(environment);
    const instance = await from.claim(environment.id, signal());
    await from.removePool(environment.id);
    return instance;
  }

  const podOf = async ({ id }: ClusterInstance, place = namespace) =>
    (await podsOf(api, place)).find(({ metadata }) => metadata.uid === id);

  /** A driver in a namespace where no other watches. */
  async function apart(change: Partial<Omit<KubernetesDriverOptions, "api">> & { readonly api?: KubeApi } = {}) {
    const { namespace: place, remove } = await aNamespace(api);
    stops.push(remove);
    const own = change.api ?? connect();
    const other = aDriver(place, { ...change, api: own });
    stops.push(async () => {
      await other.stop();
      own.close();
    });
    return { other, place };
  }

  /** What the driver after the first says. */
  function nextDriver(place: string): Changes {
    const next = aDriver(place, { api });
    stops.push(() => next.stop());
    return new Changes(next);
  }

  const ask = async (instance: ClusterInstance, path = "/"): Promise<string> =>
    (await fetch(`http://${instance.address!}${path}`)).text();

  const fetcherOf = (instance: ClusterInstance): string => `http://${instance.address!.replace(/:\d+$/, ":8000")}`;

  describe("serve", () => {
    it.each([
      [nodeImage, "FISSION_V1", jsHello, null],
      [nodeImage, "FISSION_V2", jsHello, null],
      [nodeImage, "FISSION_V2", `exports.other = async () => ({ status: 200, body: "Hello" });`, "handlers.other"],
      [pythonImage, "FISSION_V1", "def main():\n  return 'Hello'\n", null],
      [
        pythonImage,
        "FISSION_V2",
        "from flask import request\ndef main():\n  return 'Hello' + request.path[1:]\n",
        null,
      ],
      [pythonImage, "FISSION_V2", "def other():\n  return 'Hello'\n", "handlers.other"],
    ] as const)(
      "%s, %s",
      async (image, contract, source, entrypoint) => {
        const instance = await claim(image, contract);
        const request = aFissionRequest(source, { entrypoint });
        await driver.specialize(instance, request, signal());
        expect(await ask(instance)).toBe("Hello");
        const { labels } = (await podOf(instance))!.metadata;
        expect(labels).toMatchObject({ "fermi.dev/function": request.function.id, "fermi.dev/version": "1" });
        expect(labels).not.toHaveProperty(["fermi.dev/pool"]);
      },
      patienceMs,
    );

    it(
      "and say why code does not load",
      async () => {
        const instance = await claim(pythonImage, "FISSION_V2");
        const loading = driver.specialize(instance, aFissionRequest("import nothing_like_it\n"), signal());
        await expect(loading).rejects.toMatchObject({
          code: "LOAD_FAILED",
          message: expect.stringContaining("ModuleNotFoundError: No module named 'nothing_like_it'"),
        });
      },
      patienceMs,
    );
  });

  describe("are told what to load by Fermi alone", () => {
    it(
      "so whoever reaches the pod loads nothing, and finds no secret in it",
      async () => {
        const instance = await claim(nodeImage, "FISSION_V2");
        const body = JSON.stringify(aFissionRequest(jsHello));
        const forged: Record<string, string>[] = [{}, { "x-fermi-signature": "A".repeat(86) }];
        for (const headers of forged) {
          const answer = await fetch(`${fetcherOf(instance)}/specialize`, { method: "POST", body, headers });
          expect(answer.status).toBe(401);
        }
        expect(await (await fetch(`${fetcherOf(instance)}/-/state`)).json()).toEqual({ state: "generic" });
        const { spec } = (await podOf(instance)) as never as { spec: Record<string, unknown> };
        expect(spec).toMatchObject({
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
          containers: [
            { name: "function", securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } } },
            { name: "fetcher", image: fermiImage, securityContext: { readOnlyRootFilesystem: true } },
          ],
        });
        expect(JSON.stringify(spec)).not.toMatch(/secret/i);
      },
      patienceMs,
    );

    it(
      "and only once the cluster knows whose the pod is",
      async () => {
        const own = connect();
        const { call } = own;
        own.call = <T>(request: Parameters<typeof call>[0]): Promise<T> =>
          request.method === "PATCH" && request.path.includes("/pods/")
            ? Promise.reject(new KubeError(403, "Forbidden", "forbidden"))
            : call.call<typeof own, [typeof request], Promise<T>>(own, request);
        const { other } = await apart({ api: own });
        const environment = anEnvironment({ image: nodeImage, contract: "FISSION_V1", poolSize: 1 });
        await other.ensurePool(environment);
        const claimed = await other.claim(environment.id, signal());
        const loading = other.specialize(claimed, aFissionRequest(jsHello), signal());
        await expect(loading).rejects.toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
        expect(await (await fetch(`${fetcherOf(claimed)}/-/state`)).json()).toEqual({ state: "generic" });
      },
      patienceMs,
    );
  });

  describe("outlive a driver", () => {
    it(
      "and are adopted by the next",
      async () => {
        const { other, place } = await apart();
        const instance = await claim(nodeImage, "FISSION_V2", other);
        await other.specialize(instance, aFissionRequest(jsHello), signal());
        await other.stop();
        const changes = nextDriver(place);
        await changes.until("adopted", () => changes.of(instance.environmentId, "READY").length === 1);
        expect(await ask(instance)).toBe("Hello");
      },
      patienceMs,
    );

    it(
      "but not where the image's container ended meanwhile, and began anew with nothing in it",
      async () => {
        const { other, place } = await apart();
        const instance = await claim(nodeImage, "FISSION_V2", other);
        await other.specialize(instance, aFissionRequest(jsHello), signal());
        await other.stop();
        await ask(instance, "/?exit=1").catch(() => {});
        await eventually(async () => {
          const { status } = (await podOf(instance, place))!;
          const own = status?.containerStatuses?.find(({ name }) => name === "function");
          expect(own).toMatchObject({ restartCount: 1, state: { running: expect.anything() } });
        });
        const changes = nextDriver(place);
        await eventually(async () => expect(await podOf(instance, place)).toBeUndefined());
        expect(changes.ofInstance(instance.id).map(({ instance: { state } }) => state)).not.toContain("READY");
      },
      patienceMs,
    );
  });

  describe("have a problem", () => {
    it(
      "where nobody says what Fermi's own image is",
      async () => {
        const { other } = await apart({ fetcher: { image: null, secret: "x".repeat(32) } });
        const environment = anEnvironment({ image: nodeImage, contract: "FISSION_V2" });
        await expect(other.ensurePool(environment)).rejects.toMatchObject({
          code: "CLUSTER_UNAVAILABLE",
          message: expect.stringContaining("FERMI_IMAGE"),
        });
      },
      patienceMs,
    );

    it(
      "where that image can't be had",
      async () => {
        const image = "example.com/no/fermi:1";
        const { other } = await apart({ fetcher: { image, secret: "x".repeat(32) } });
        const environment = anEnvironment({ image: nodeImage, contract: "FISSION_V2", poolSize: 1 });
        await other.ensurePool(environment);
        await expect(other.claim(environment.id, signal())).rejects.toMatchObject({
          code: "CLUSTER_UNAVAILABLE",
          message: expect.stringContaining(`the image ${image} can't be pulled`),
        });
      },
      patienceMs,
    );
  });
});
