import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "@jest/globals";
import type { ClusterInstance } from "../../src/cluster/cluster-driver.js";
import { templateOf } from "../../src/cluster/instance-template.js";
import type { KubeCalls } from "../../src/cluster/kubernetes/fenced-kube-api.js";
import type { KubeApi } from "../../src/cluster/kubernetes/kube-api.js";
import { KubeError } from "../../src/cluster/kubernetes/kube-error.js";
import type { KubernetesDriver } from "../../src/cluster/kubernetes/kubernetes-driver.js";
import type { Pod } from "../../src/cluster/kubernetes/pod.js";
import { newId } from "../../src/lib/new-id.js";
import type { Environment } from "../../src/model/environment.js";
import { aRequest } from "../contract/cluster-driver.contract.js";
import { Changes } from "../contract/changes.js";
import { anEnvironment } from "../contract/environments.js";
import type { TcpProxy } from "../store/support/tcp-proxy.js";
import { anApiProxy } from "./support/api-proxy.js";
import { aDriver, nodeImage } from "./support/kubernetes-subject.js";
import { until } from "./support/until.js";
import { aNamespace, connect, deletePod, describeOnCluster, podsOf } from "./support/test-cluster.js";

const unhurried = (): AbortSignal => AbortSignal.timeout(45_000);
const fissionImage = process.env["FERMI_TEST_FISSION_NODE_IMAGE"] ?? "fermi-test/fission-node";
const source = `module.exports = async () => "served";`;

describeOnCluster("KubernetesDriver, whose API is away and comes back", () => {
  /** Never interrupted. */
  let api: KubeApi;
  let proxied: KubeApi;
  let proxy: TcpProxy;
  let namespace: string;
  let driver: KubernetesDriver;
  let changes: Changes;
  let environment: Environment;
  const cleanUps: (() => unknown)[] = [];

  beforeAll(async () => {
    api = connect();
    const room = await aNamespace(api);
    ({ namespace } = room);
    const way = await anApiProxy();
    ({ proxy } = way);
    proxied = connect(way.file);
    cleanUps.push(
      () => api.close(),
      room.remove,
      way.stop,
      () => proxied.close(),
    );
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  });
  beforeEach(async () => {
    driver = aDriver(namespace, { api: proxied, watchSeconds: 5 });
    changes = new Changes(driver);
    environment = anEnvironment({ image: nodeImage, poolSize: 1 });
    await driver.ensurePool(environment);
    await changes.untilWarm(environment.id, 1);
  });
  afterEach(async () => {
    changes.stop();
    await driver.stop();
    const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
    for (const path of [deployments, `/api/v1/namespaces/${namespace}/pods`]) {
      await api.call({ method: "DELETE", path, body: { gracePeriodSeconds: 0 } });
    }
  });

  const specialized = async (code = source): Promise<ClusterInstance & { key: string; functionId: string }> => {
    const instance = await driver.claim(environment.id, unhurried());
    const request = aRequest(code);
    await driver.specialize(instance, request, unhurried());
    return { ...instance, key: request.key, functionId: request.function.id };
  };
  /** The API, but for how it notes whose a pod is. */
  const withNotes = (note: () => Promise<never>): KubeCalls => ({
    get outage() {
      return api.outage;
    },
    call: (request) => (request.method === "PATCH" && request.path.includes("/pods/") ? note() : api.call(request)),
    ask: (request) => api.ask(request),
    stream: (request) => api.stream(request),
  });
  const podOf = async ({ id }: Pick<ClusterInstance, "id">): Promise<Pod | undefined> =>
    (await podsOf(api, namespace)).find(({ metadata }) => metadata.uid === id);
  const labelsOf = async (instance: ClusterInstance): Promise<Readonly<Record<string, string>>> =>
    (await podOf(instance))?.metadata.labels ?? {};
  const answer = async ({ address, key }: ClusterInstance & { key: string }): Promise<string> =>
    (await fetch(`http://${address}/`, { headers: { "x-fermi-key": key } })).text();
  const warmNow = (): string[] => changes.of(environment.id, "WARM").map(({ id }) => id);

  it("hears of what happened while connections were cut", async () => {
    const [warm] = warmNow();
    await proxy.goAway();
    await deletePod(api, namespace, warm!);
    await proxy.comeBack();
    expect(await changes.untilGone(warm!)).toMatchObject({ reason: "was deleted by the cluster" });
    await changes.untilWarm(environment.id, 1);
    expect(warmNow()).not.toContain(warm);
  });

  it("hears of what happened while the API hung, without a connection being lost", async () => {
    const [warm] = warmNow();
    proxy.freeze();
    await deletePod(api, namespace, warm!);
    await until("the hang to be noticed", () => proxied.outage !== undefined);
    proxy.thaw();
    await changes.untilGone(warm!);
    await changes.untilWarm(environment.id, 1);
  });

  it("refuses claims in time while it is away, harms nothing that runs, and serves again when it is back", async () => {
    const serving = await specialized();
    await changes.untilWarm(environment.id, 1);
    const [warm] = warmNow();
    await proxy.goAway();
    const beganMs = performance.now();
    await untilRefused();
    expect(performance.now() - beganMs).toBeLessThan(10_000);
    expect(await answer(serving)).toBe("served");
    expect(warmNow()).toEqual([warm]);
    await proxy.comeBack();
    const again = await untilServed();
    expect(again.id).toBe(warm);
  });

  it("refuses who waits for a pod while the API hangs, in time and with the reason", async () => {
    await driver.claim(environment.id, unhurried());
    proxy.freeze();
    const beganMs = performance.now();
    await expect(driver.claim(environment.id, unhurried())).rejects.toMatchObject({
      code: "CLUSTER_UNAVAILABLE",
      message: expect.stringMatching(/Kubernetes API can't be reached/),
    });
    expect(performance.now() - beganMs).toBeLessThan(8_000);
    proxy.thaw();
    await changes.untilWarm(environment.id, 1);
  });

  it("deletes the pods that were started for who waited when the API went away", async () => {
    const empty = anEnvironment({ image: nodeImage, poolSize: 0 });
    await driver.ensurePool(empty);
    const refused = expect(driver.claim(empty.id, unhurried())).rejects.toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
    await changes.until("a pod for it", () => changes.of(empty.id, "STARTING").length === 1);
    const [spare] = changes.of(empty.id, "STARTING");
    await proxy.goAway();
    await refused;
    // Nobody needs the pod any more; by then the cluster was asked in vain to delete it.
    await until("the outage to last", () => (proxied.outage?.sinceMs ?? 0) > 5_000);
    await proxy.comeBack();
    await untilDeleted(spare!.id);
  });

  it("serves from what is warm while the API hangs, and has noted whose the pod is when it is back", async () => {
    proxy.freeze();
    const beganMs = performance.now();
    const serving = await specialized();
    expect(await answer(serving)).toBe("served");
    expect(performance.now() - beganMs).toBeLessThan(5_000);
    await until("the hang to be noticed", () => proxied.outage !== undefined);
    proxy.thaw();
    await until("the note", async () => (await labelsOf(serving))["fermi.dev/function"] === serving.functionId);
    expect(await labelsOf(serving)).not.toHaveProperty(["fermi.dev/pool"]);
    await changes.untilWarm(environment.id, 1);
    expect(await answer(serving)).toBe("served");
  });

  it("does not hand an instance of Fission's contracts over whose claim could not be noted", async () => {
    const fission = anEnvironment({ image: fissionImage, contract: "FISSION_V2", poolSize: 1, gracePeriodSeconds: 1 });
    await driver.ensurePool(fission);
    await changes.untilWarm(fission.id, 1);
    const instance = await driver.claim(fission.id, unhurried());
    proxy.freeze();
    const beganMs = performance.now();
    const loading = driver.specialize(instance, aRequest(source), unhurried());
    await expect(loading).rejects.toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
    expect(performance.now() - beganMs).toBeLessThan(10_000);
    proxy.thaw();
    await driver.end(instance.id, 0);
    await changes.untilGone(instance.id);
    await changes.untilWarm(fission.id, 1);
  });

  it("replaces an instance that the cluster refuses to note", async () => {
    changes.stop();
    await driver.stop();
    let refuse = (): void => {};
    const loaded = new Promise<void>((resolve) => (refuse = resolve));
    const refusal = (): Promise<never> => loaded.then(() => Promise.reject(new KubeError(403, "Forbidden", "no")));
    driver = aDriver(namespace, { api: withNotes(refusal) });
    changes = new Changes(driver);
    await driver.ensurePool(environment);
    await changes.untilWarm(environment.id, 1);
    const { id } = await specialized();
    refuse();
    await changes.until("it to drain", () => changes.of(environment.id, "DRAINING").some((each) => each.id === id));
  });

  it("is followed by another that knows of what was claimed a moment before", async () => {
    const serving = await specialized();
    await driver.stop();
    driver = aDriver(namespace, { api });
    const found = new Changes(driver);
    await found.until("it to be found", () => found.of(environment.id, "READY").some(({ id }) => id === serving.id));
    expect(await answer(serving)).toBe("served");
    found.stop();
  });

  it("is followed by another that lets end what runs where the cluster never heard whose a pod is", async () => {
    changes.stop();
    await driver.stop();
    driver = aDriver(namespace, { api: withNotes(() => new Promise(() => {})) });
    changes = new Changes(driver);
    await driver.ensurePool(environment);
    await changes.untilWarm(environment.id, 1);
    const serving = await specialized(
      `module.exports = async () => new Promise((resolve) => setTimeout(resolve, 3_000, "served"));`,
    );
    const answered = answer(serving);
    // As one does that is killed.
    const successor = aDriver(namespace, { api });
    await until("it to be asked to end", async () => (await podOf(serving))?.metadata.deletionTimestamp !== undefined);
    expect(await answered).toBe("served");
    await untilDeleted(serving.id);
    await successor.stop();
  });

  it("is followed by another that finds all that ran, and lets go of nothing", async () => {
    const serving = await specialized();
    const claimed = await claimedWithoutFunction();
    const [warm] = await changes.untilWarm(environment.id, 1);
    await driver.stop();
    driver = aDriver(namespace, { api });
    const found = new Changes(driver);
    const watching = driver.watch(() => {});
    await watching.listed;
    await watching.stop();
    expect(found.of(environment.id, "READY")).toMatchObject([
      {
        ...{ id: serving.id, address: serving.address, template: templateOf(environment), contract: "FERMI" },
        specializedFor: { version: 1, requestsPerInstance: 1 },
      },
    ]);
    expect(found.of(environment.id, "WARM").map(({ id }) => id)).toEqual([warm!.id]);
    // Nobody knows what it was claimed for.
    await untilDeleted(claimed.id);
    await driver.ensurePool(environment);
    expect((await driver.claim(environment.id, unhurried())).id).toBe(warm!.id);
    expect(await answer(serving)).toBe("served");
    found.stop();
  });

  it("is followed by another that deletes pods which are not what their labels say", async () => {
    const [first] = warmNow();
    const serving = await specialized();
    expect(serving.id).toBe(first);
    await changes.untilWarm(environment.id, 1);
    await driver.stop();
    const { metadata } = (await podsOf(api, namespace)).find(({ metadata }) => metadata.uid === serving.id)!;
    await api.call({
      method: "PATCH",
      path: `/api/v1/namespaces/${namespace}/pods/${metadata.name}`,
      contentType: "application/merge-patch+json",
      body: { metadata: { labels: { "fermi.dev/version": "2" } } },
    });
    driver = aDriver(namespace, { api });
    await untilDeleted(serving.id);
  });

  it("deletes pods that have failed, and so does another that follows it", async () => {
    await untilDeleted(await refusedByItsNode());
    await driver.stop();
    const id = await refusedByItsNode();
    await until("the pod to fail", async () => (await podOf({ id }))?.status?.phase === "Failed");
    driver = aDriver(namespace, { api });
    await untilDeleted(id);
  });

  it("is followed by another that knows of pools nobody wants any more, and can remove them", async () => {
    await driver.stop();
    driver = aDriver(namespace, { api });
    const watching = driver.watch(() => {});
    await watching.listed;
    await watching.stop();
    expect(driver.health()).toEqual([{ environmentId: environment.id, problem: null }]);
    await driver.removePool(environment.id);
    await until("no pod", async () => (await podsOf(api, namespace)).length === 0);
    await driver.removePool(newId());
  });

  it("goes on with each pod's log where the one before it was", async () => {
    const prints = `let n = 0; setInterval(() => console.log("line " + n++), 20); module.exports = async () => {};`;
    const instance = await driver.claim(environment.id, unhurried());
    const first: number[] = [];
    let last: Date | undefined;
    const numberIn = (text: string): number => Number(/line (\d+)/.exec(text)?.[1] ?? -1);
    const reading = driver.logs(({ text, at }) => {
      first.push(numberIn(text));
      last = at;
    });
    await driver.specialize(instance, aRequest(prints), unhurried());
    const printed = (lines: number[], count: number): Promise<true> => until("lines", () => lines.length >= count);
    await printed(first, 40);
    // The connection is lost, and the log read on by the same driver.
    await proxy.goAway();
    await proxy.comeBack();
    await printed(first, 120);
    await reading.stop();
    await driver.stop();
    const upTo = first.at(-1)!;
    expect(first).toEqual(Array.from({ length: upTo + 1 }, (_, n) => n));
    const second: number[] = [];
    driver = aDriver(namespace, { api, since: () => Promise.resolve(last) });
    const readingOn = driver.logs(({ text }) => second.push(numberIn(text)));
    await printed(second, 40);
    await readingOn.stop();
    expect(second.slice(0, 40)).toEqual(Array.from({ length: 40 }, (_, n) => upTo + 1 + n));
  });

  async function claimedWithoutFunction(): Promise<ClusterInstance> {
    await changes.untilWarm(environment.id, 1);
    const instance = await driver.claim(environment.id, unhurried());
    await changes.untilWarm(environment.id, 1);
    return instance;
  }

  /** A pod that was claimed, and that its node has no right to run. */
  async function refusedByItsNode(): Promise<string> {
    const { items: nodes } = await api.call<{ items: Pod[] }>({ method: "GET", path: "/api/v1/nodes" });
    const labels = { "app.kubernetes.io/managed-by": "fermi", "fermi.dev/environment": environment.id };
    const nodeSelector = { "fermi-test/room": "none" };
    const containers = [{ name: "function", image: nodeImage }];
    const { metadata } = await api.call<Pod>({
      method: "POST",
      path: `/api/v1/namespaces/${namespace}/pods`,
      body: {
        metadata: { generateName: "refused-", labels },
        spec: { nodeName: nodes[0]!.metadata.name, nodeSelector, containers },
      },
    });
    return metadata.uid;
  }

  async function untilRefused(): Promise<void> {
    await until("the outage to be known", () => (proxied.outage?.sinceMs ?? 0) > 1_500);
    await expect(driver.claim(environment.id, unhurried())).rejects.toMatchObject({
      code: "CLUSTER_UNAVAILABLE",
      message: expect.stringMatching(/Kubernetes API can't be reached/),
    });
  }

  const untilServed = (): Promise<ClusterInstance> =>
    until("an instance", () => driver.claim(environment.id, unhurried()).catch(() => undefined));

  const untilDeleted = (id: string): Promise<true> =>
    until("the pod to be deleted", async () => (await podsOf(api, namespace)).every((pod) => pod.metadata.uid !== id));
});
