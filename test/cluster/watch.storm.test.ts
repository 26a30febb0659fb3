/** Many objects, many triggers: nothing is lost, and memory stays bounded. */
import { afterAll, beforeAll, beforeEach, expect, it } from "@jest/globals";
import { readFile } from "node:fs/promises";
import type { KubeApi } from "../../src/cluster/kubernetes/kube-api.js";
import type { Fermi } from "../support/harness.js";
import { passOn, Sink } from "./support/sink.js";
import { aNamespace, connect, describeOnCluster } from "./support/test-cluster.js";
import { createFunction, createWatch, Maps, startWatching, untilCondition } from "./support/watching.js";

describeOnCluster("Kubernetes watch triggers, in a storm", () => {
  let api: KubeApi;
  let fermi: Fermi;
  let sink: Sink;
  let namespace: string;
  let maps: Maps;
  const cleanUps: (() => unknown)[] = [];

  beforeAll(async () => {
    api = connect();
    fermi = await startWatching();
    cleanUps.push(
      () => api.close(),
      () => fermi.stop(),
    );
  }, 90_000);
  beforeEach(async () => {
    const room = await aNamespace(api);
    ({ namespace } = room);
    maps = new Maps(api, namespace);
    sink = await Sink.start();
    const started = sink;
    cleanUps.push(room.remove, () => started.stop());
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  }, 60_000);

  const create = async (count: number): Promise<void> => {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) await maps.create(`object-${next++}`);
    };
    await Promise.all(Array.from({ length: 32 }, worker));
  };
  const residentMib = async (): Promise<number> => {
    const status = await readFile(`/proc/${fermi.process.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
  };
  const watch = { function: "storm", kind: "ConfigMap", fieldSelector: "metadata.name!=kube-root-ca.crt" };

  it("tell of a thousand objects at once, each once", async () => {
    await createFunction(fermi, "storm", passOn(sink.url));
    const id = await createWatch(fermi, { name: "storm", ...watch, watchNamespace: namespace });
    await untilCondition(fermi, id, "READY");
    const before = await residentMib();
    await create(1_000);
    const told = await sink.of(1_000);
    expect(new Set(told).size).toBe(1_000);
    expect(told).toHaveLength(1_000);
    expect((await residentMib()) - before).toBeLessThan(200);
  }, 120_000);

  it("keep a hundred triggers of one kind going beside each other", async () => {
    const source = passOn(sink.url);
    await fermi.ok(`mutation($s: String!) { updateFunction(input: {name: "storm", source: $s}) { id } }`, {
      s: source,
    });
    const before = await residentMib();
    const ids: string[] = [];
    for (let i = 0; i < 100; i++) {
      ids.push(await createWatch(fermi, { name: `storm-${i}`, ...watch, watchNamespace: namespace }));
    }
    for (const id of ids) await untilCondition(fermi, id, "READY");
    await create(10);
    const told = await sink.of(1_000);
    for (let i = 0; i < 10; i++) expect(told.filter((event) => event === `ADDED object-${i}`)).toHaveLength(100);
    expect((await residentMib()) - before).toBeLessThan(200);
  }, 120_000);
});
