import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "@jest/globals";
import type { ClusterInstance, InstanceChange } from "../../src/cluster/cluster-driver.js";
import type { KubeApi } from "../../src/cluster/kubernetes/kube-api.js";
import { hasStatus } from "../../src/cluster/kubernetes/kube-error.js";
import type { KubernetesDriver } from "../../src/cluster/kubernetes/kubernetes-driver.js";
import type { ComputeResources, Environment } from "../../src/model/environment.js";
import { aRequest } from "../contract/cluster-driver.contract.js";
import { Changes } from "../contract/changes.js";
import { anEnvironment } from "../contract/environments.js";
import { aKubernetesDriver, nodeImage } from "./support/kubernetes-subject.js";
import { until } from "./support/until.js";
import { connect, deletePod, describeOnCluster, podsOf } from "./support/test-cluster.js";

const unhurried = (): AbortSignal => AbortSignal.timeout(45_000);

describeOnCluster("KubernetesDriver, when things go wrong", () => {
  let api: KubeApi;
  let driver: KubernetesDriver;
  let namespace: string;
  let stop: () => Promise<void>;
  let changes: Changes;

  beforeAll(async () => {
    api = connect();
    ({ driver, namespace, stop } = await aKubernetesDriver());
  });
  beforeEach(() => {
    changes = new Changes(driver);
  });
  afterEach(async () => {
    changes.stop();
    await Promise.all(driver.health().map(({ environmentId }) => driver.removePool(environmentId)));
  });
  afterAll(async () => {
    await stop();
    api.close();
  });

  const resources = (change: Partial<ComputeResources>): ComputeResources => ({
    cpuRequest: null,
    cpuLimit: null,
    memoryRequest: null,
    memoryLimit: null,
    ...change,
  });
  const pool = async (change: Partial<Environment> = {}): Promise<Environment> => {
    const environment = anEnvironment({ image: nodeImage, poolSize: 1, ...change });
    await driver.ensurePool(environment);
    return environment;
  };
  /** Of any pod, which is not made. */
  const isPodRefused = (): Promise<boolean> => {
    const spec = { containers: [{ name: "any", image: nodeImage }] };
    const body = { metadata: { generateName: "any-" }, spec };
    const path = `/api/v1/namespaces/${namespace}/pods`;
    return api.call({ method: "POST", path, query: { dryRun: "All" }, body }).then(
      () => false,
      (error: unknown) => hasStatus(error, 403),
    );
  };
  const problemOf = ({ id }: Environment): string | null =>
    driver.health().find(({ environmentId }) => environmentId === id)?.problem ?? null;
  const refusalOf = async ({ id }: Environment): Promise<string> => {
    const error: unknown = await driver.claim(id, unhurried()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
    return (error as Error).message;
  };
  const ready = async (
    source: string,
    change: Partial<Environment> = {},
  ): Promise<ClusterInstance & { key: string }> => {
    const { id } = await pool(change);
    const instance = await driver.claim(id, unhurried());
    const request = aRequest(source);
    await driver.specialize(instance, request, unhurried());
    return { ...instance, key: request.key };
  };
  /** The connection breaks with the instance. */
  const call = ({ address, key }: ClusterInstance & { key: string }): Promise<unknown> =>
    fetch(`http://${address}/`, { headers: { "x-fermi-key": key } }).catch(() => undefined);
  const untilDeleted = (id: string): Promise<true> =>
    until("the pod to be deleted", async () => (await podsOf(api, namespace)).every((pod) => pod.metadata.uid !== id));
  const goneOnce = async (id: string): Promise<InstanceChange> => {
    const gone = await changes.untilGone(id);
    await untilDeleted(id);
    expect(changes.ofInstance(id).filter(({ type }) => type === "GONE")).toHaveLength(1);
    return gone;
  };

  it("says which image can't be pulled, on pool, instance and claim, and claims are refused at once then", async () => {
    const environment = await pool({ image: "example.com/unheard/of:1" });
    const words =
      /^No instance can be started: the image example.com\/unheard\/of:1 can't be pulled \((ErrImagePull|ImagePullBackOff)/;
    expect(await refusalOf(environment)).toMatch(words);
    expect(changes.of(environment.id, "STARTING")[0]!.problem).toBe(problemOf(environment));
    const beganMs = performance.now();
    expect(await refusalOf(environment)).toMatch(words);
    expect(performance.now() - beganMs).toBeLessThan(500);
  });

  it("heals when the image is put right", async () => {
    const environment = await pool({ image: "example.com/unheard/of:1" });
    await refusalOf(environment);
    await driver.ensurePool({ ...environment, image: nodeImage });
    expect((await driver.claim(environment.id, unhurried())).state).toBe("SPECIALIZING");
    expect(problemOf(environment)).toBeNull();
  });

  it("says that no node has room", async () => {
    const environment = await pool({ resources: resources({ memoryRequest: "900Gi" }) });
    expect(await refusalOf(environment)).toMatch(
      /no node has room for another instance \(Unschedulable: .*Insufficient memory/,
    );
  });

  it("says that no node has room for one that was asked for beside an empty pool", async () => {
    const environment = await pool({ poolSize: 0, resources: resources({ cpuRequest: "2000" }) });
    expect(await refusalOf(environment)).toMatch(/Insufficient cpu/);
    await changes.until("nothing left of it", () => changes.of(environment.id).length === 0);
  });

  it("says that a container keeps ending, and that its memory limit is why", async () => {
    const environment = await pool({ resources: resources({ memoryLimit: "14Mi" }) });
    expect(await refusalOf(environment)).toMatch(/memory limit of 14Mi|can't be started/);
  });

  it("says what the node says against the image", async () => {
    const environment = await pool({ image: "node:22-bookworm-slim" });
    expect(await refusalOf(environment)).toMatch(/the image node:22-bookworm-slim runs as root; give it a USER/);
  });

  it("says that a quota forbids more", async () => {
    const folder = `/api/v1/namespaces/${namespace}/resourcequotas`;
    const body = { metadata: { name: "none" }, spec: { hard: { pods: "0" } } };
    await api.call({ method: "POST", path: folder, body });
    try {
      // The API server learns of it by its own watch, a moment after it was made.
      await until("the quota to be in force", isPodRefused);
      const environment = await pool();
      expect(await refusalOf(environment)).toMatch(/the cluster refuses new pods: exceeded quota: none/);
      const alone = await pool({ poolSize: 0 });
      expect(await refusalOf(alone)).toMatch(/the cluster refuses new pods: exceeded quota: none/);
    } finally {
      await api.call({ method: "DELETE", path: `${folder}/none` });
    }
  });

  it("places pods as the environment's pod template says, and says where that can't be", async () => {
    const labels = { "fermi-test/room": "none" };
    const environment = await pool({ podTemplate: { metadata: { labels }, spec: { nodeSelector: labels } } });
    expect(await refusalOf(environment)).toMatch(
      /no node is one that the pod template allows \(nodeSelector, .*\) \(Unschedulable: .*node\(s\) didn't match/,
    );
    expect((await podsOf(api, namespace)).some(({ metadata }) => metadata.labels?.["fermi-test/room"] === "none")).toBe(
      true,
    );
    await driver.ensurePool({ ...environment, podTemplate: { metadata: { labels } } });
    expect((await driver.claim(environment.id, unhurried())).state).toBe("SPECIALIZING");
  });

  it("says that a pod template names what there is not", async () => {
    const environment = await pool({ podTemplate: { spec: { priorityClassName: "no-such-class" } } });
    expect(await refusalOf(environment)).toMatch(
      /the cluster refuses new pods: no PriorityClass with name no-such-class was found/,
    );
  });

  it("says what the cluster has against a pod template", async () => {
    const terms = [{ matchExpressions: [{ key: "a", operator: "Is" }] }];
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } };
    const environment = anEnvironment({ image: nodeImage, podTemplate: { spec: { affinity } } });
    const words = expect.stringMatching(
      /the cluster refuses what its pods are to be made from: .*operator: Invalid value/,
    );
    await expect(driver.ensurePool(environment)).rejects.toMatchObject({ code: "CLUSTER_UNAVAILABLE", message: words });
    expect(problemOf(environment)).toEqual(words);
    await driver.ensurePool({ ...environment, podTemplate: null });
    expect(problemOf(environment)).toBeNull();
  });

  it("tells that an instance used too much memory, and leaves nothing of it", async () => {
    const source = `const kept = []; module.exports = async () => { for (;;) kept.push(Buffer.alloc(1 << 20, 1)); };`;
    const instance = await ready(source, { resources: resources({ memoryLimit: "96Mi" }) });
    void call(instance);
    expect((await goneOnce(instance.id)).reason).toBe("used more than its memory limit of 96Mi (OOMKilled)");
  });

  it("tells so also where it was asked to end as soon as the connection broke", async () => {
    const source = `const kept = []; module.exports = async () => { for (;;) kept.push(Buffer.alloc(1 << 20, 1)); };`;
    const instance = await ready(source, { resources: resources({ memoryLimit: "96Mi" }) });
    await call(instance);
    await driver.end(instance.id, 1_000);
    expect((await goneOnce(instance.id)).reason).toBe("used more than its memory limit of 96Mi (OOMKilled)");
  });

  it("tells how an instance ended itself, and leaves nothing of it", async () => {
    const instance = await ready(
      `module.exports = async () => { setImmediate(() => { throw new Error("no way") }); };`,
    );
    void call(instance);
    expect((await goneOnce(instance.id)).reason).toMatch(/^exited with code 1: Error: no way/);
  });

  it("blames code that ends the process while it loads", async () => {
    const { id } = await pool();
    const instance = await driver.claim(id, unhurried());
    const loading = driver.specialize(instance, aRequest("process.exit(3)"), unhurried());
    await expect(loading).rejects.toMatchObject({
      code: "LOAD_FAILED",
      message: expect.stringMatching(/exited with code 3/),
    });
  });

  it("does not blame code whose instance somebody else ends while it loads", async () => {
    const { id } = await pool();
    const instance = await driver.claim(id, unhurried());
    const loading = driver.specialize(
      instance,
      aRequest("await new Promise(() => {}); export default 1;"),
      unhurried(),
    );
    const refused = expect(loading).rejects.toMatchObject({
      code: "CLUSTER_UNAVAILABLE",
      message: "The instance can't be specialized: it was deleted by the cluster.",
    });
    await deletePod(api, namespace, instance.id);
    await refused;
  });

  it("refills a pool whose warm instance somebody has deleted", async () => {
    const { id } = await pool();
    const [warm] = await changes.untilWarm(id, 1);
    await deletePod(api, namespace, warm!.id);
    expect((await goneOnce(warm!.id)).reason).toBe("was deleted by the cluster");
    expect((await changes.untilWarm(id, 1))[0]!.id).not.toBe(warm!.id);
  });

  it("tells that a claimed instance was deleted, which then can't be specialized", async () => {
    const { id } = await pool();
    const instance = await driver.claim(id, unhurried());
    await deletePod(api, namespace, instance.id);
    await goneOnce(instance.id);
    const late = driver.specialize(instance, aRequest("module.exports = () => {}"), unhurried());
    await expect(late).rejects.toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
  });

  it("drains a ready instance that somebody else ends, which may finish what runs", async () => {
    const instance = await ready(
      `module.exports = async () => { await new Promise((r) => setTimeout(r, 1500)); return "whole"; };`,
    );
    const answer = fetch(`http://${instance.address}/`, { headers: { "x-fermi-key": instance.key } });
    const { metadata } = (await podsOf(api, namespace)).find(({ metadata }) => metadata.uid === instance.id)!;
    await api.call({ method: "DELETE", path: `/api/v1/namespaces/${namespace}/pods/${metadata.name}` });
    await changes.until("draining", () => changes.ofInstance(instance.id).at(-1)?.instance.state === "DRAINING");
    expect(await (await answer).text()).toBe("whole");
    await goneOnce(instance.id);
  });

  it("makes a pool anew that somebody has deleted, and undoes what somebody has changed", async () => {
    const { id } = await pool();
    const [warm] = await changes.untilWarm(id, 1);
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/fermi-pool-${id}`;
    await api.call({ method: "DELETE", path });
    await changes.untilGone(warm!.id);
    await changes.untilWarm(id, 1);
    const contentType = "application/merge-patch+json";
    await api.call({ method: "PATCH", path, contentType, body: { spec: { replicas: 0 } } });
    await changes.untilWarm(id, 0);
    await changes.untilWarm(id, 1);
  });

  it("undoes what somebody has changed of a pool's pods, and hands out none that came of it", async () => {
    const { id } = await pool();
    const [warm] = await changes.untilWarm(id, 1);
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/fermi-pool-${id}`;
    const contentType = "application/merge-patch+json";
    const containers = [
      { name: "function", image: "example.com/evil:1" },
      { name: "beside", image: nodeImage },
    ];
    await api.call({ method: "PATCH", path, contentType, body: { spec: { template: { spec: { containers } } } } });
    await changes.untilGone(warm!.id);
    await until("the pool to be put right", async () => {
      const pods = await podsOf(api, namespace);
      const own = pods.filter(({ metadata }) => metadata.labels?.["fermi.dev/environment"] === id);
      return own.length === 1 && own[0]?.spec.containers.length === 1 && own[0].spec.containers[0]?.image === nodeImage;
    });
    await changes.untilWarm(id, 1);
  });

  it("refuses a function that no runtime of this contract can take", async () => {
    const { id } = await pool();
    const instance = await driver.claim(id, unhurried());
    const request = { ...aRequest("module.exports = () => {}"), requestsPerInstance: 0 };
    const loading = driver.specialize(instance, request, unhurried());
    await expect(loading).rejects.toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
  });
});
