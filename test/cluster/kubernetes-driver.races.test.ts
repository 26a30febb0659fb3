import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { setTimeout } from "node:timers/promises";
import type { ClusterInstance } from "../../src/cluster/cluster-driver.js";
import type { KubeCalls } from "../../src/cluster/kubernetes/fenced-kube-api.js";
import type { KubeApi } from "../../src/cluster/kubernetes/kube-api.js";
import type { KubernetesDriver } from "../../src/cluster/kubernetes/kubernetes-driver.js";
import type { Environment } from "../../src/model/environment.js";
import { aRequest } from "../contract/cluster-driver.contract.js";
import { Changes } from "../contract/changes.js";
import { anEnvironment } from "../contract/environments.js";
import { aDriver, nodeImage } from "./support/kubernetes-subject.js";
import { until } from "./support/until.js";
import { aNamespace, connect, describeOnCluster, podsOf } from "./support/test-cluster.js";

const noteDelayMs = 2_000;

/** Takes so long to change a pod's labels that everything else is done before. */
const withSlowNotes = (api: KubeApi): KubeCalls => ({
  get outage() {
    return api.outage;
  },
  call: async (request) => {
    if (request.method === "PATCH" && request.path.includes("/pods/")) await setTimeout(noteDelayMs);
    return api.call(request);
  },
  ask: (request) => api.ask(request),
  stream: (request) => api.stream(request),
});

const unhurried = (): AbortSignal => AbortSignal.timeout(45_000);

describeOnCluster("KubernetesDriver, beside a ReplicaSet that deletes pods", () => {
  let api: KubeApi;
  let driver: KubernetesDriver;
  let namespace: string;
  let stop: () => Promise<void>;
  let changes: Changes;

  beforeAll(async () => {
    api = connect();
    const room = await aNamespace(api);
    ({ namespace } = room);
    driver = aDriver(namespace, { api: withSlowNotes(api) });
    changes = new Changes(driver);
    stop = async () => {
      await driver.stop();
      await room.remove();
    };
  });
  afterAll(async () => {
    changes.stop();
    await stop();
    api.close();
  });

  const specialized = async ({ id }: Environment): Promise<ClusterInstance & { key: string }> => {
    const instance = await driver.claim(id, unhurried());
    const request = aRequest(`module.exports = async () => "served";`);
    await driver.specialize(instance, request, unhurried());
    return { ...instance, key: request.key };
  };
  const answer = async ({ address, key }: ClusterInstance & { key: string }): Promise<string> =>
    (await fetch(`http://${address}/`, { headers: { "x-fermi-key": key } })).text();
  const settledAt = (environment: Environment, count: number): Promise<true> =>
    until("the pool to settle", async () => {
      const pods = await podsOf(api, namespace);
      const ofPool = pods.filter(({ metadata }) => metadata.labels?.["fermi.dev/pool"] === environment.id);
      return ofPool.length === count && ofPool.every(({ metadata }) => metadata.deletionTimestamp === undefined);
    });

  it.each([
    ["shrinks", (environment: Environment) => driver.ensurePool({ ...environment, poolSize: 1 }), 1],
    [
      "is made from another template",
      ({ resources, ...environment }: Environment) =>
        driver.ensurePool({ ...environment, resources: { ...resources, memoryLimit: "300Mi" } }),
      4,
    ],
    ["is removed", ({ id }: Environment) => driver.removePool(id), 0],
  ])("keeps every instance that was claimed just before its pool %s", async (_what, change, left) => {
    const environment = anEnvironment({ image: nodeImage, poolSize: 4 });
    await driver.ensurePool(environment);
    await changes.untilWarm(environment.id, 4);
    // Nothing of the claims has reached the cluster when the change begins.
    const claimed = [specialized(environment), specialized(environment)];
    const unused = await driver.claim(environment.id, unhurried());
    await change(environment);
    const serving = await Promise.all(claimed);
    await settledAt(environment, left);
    expect(await Promise.all(serving.map(answer))).toEqual(["served", "served"]);
    const kept = changes.of(environment.id).filter(({ state }) => state !== "WARM" && state !== "STARTING");
    expect(kept.map(({ id }) => id).sort()).toEqual([...serving, unused].map(({ id }) => id).sort());
    await Promise.all(kept.map(({ id }) => driver.end(id, 0)));
    await driver.removePool(environment.id);
  });

  it("serves a dozen at once from a pool of three, and leaves no more than that afterwards", async () => {
    const environment = anEnvironment({ image: nodeImage, poolSize: 3 });
    await driver.ensurePool(environment);
    await changes.untilWarm(environment.id, 3);
    const serving = await Promise.all(Array.from({ length: 12 }, () => specialized(environment)));
    expect(new Set(serving.map(({ id }) => id)).size).toBe(12);
    expect(new Set(await Promise.all(serving.map(answer)))).toEqual(new Set(["served"]));
    await changes.untilWarm(environment.id, 3);
    await until("no pod beside the pool", async () =>
      (await podsOf(api, namespace)).every(({ metadata }) => metadata.labels?.["fermi.dev/spare"] === undefined),
    );
    expect(changes.of(environment.id, "READY")).toHaveLength(12);
    await Promise.all(serving.map(({ id }) => driver.end(id, 0)));
  });
});
