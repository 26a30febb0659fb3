/** The pool manager that leads stands still for a minute, under constant load, and then wakes: it harms nobody. */
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { setTimeout as delay } from "node:timers/promises";
import { createEnvironment, createFunction, fissionNode, type DeployedFunction } from "../support/functions.js";
import { instancesOf, note } from "../support/installation.js";
import { describeOnCluster, kubectlJson } from "../support/kubectl.js";
import { Load } from "../support/load.js";
import { withPodStopped } from "../support/outages.js";
import { inWords, Traffic } from "../support/traffic.js";
import { until } from "../support/until.js";

const pausedMs = 1_000 * Number(process.env["FERMI_TEST_AWAY_SECONDS"] ?? 60);
const takenOverWithinMs = 15_000;
/** What an old leader would do, it does at once or within a few beats. */
const watchedMs = 15_000;

/** Says so where more requests run in an instance than it may have: images of this contract take them all. */
const slots = 2;
/** So many that slots are wanted all the time, and few enough for three instances on a busy machine. */
const countedPerSecond = 25;
const counting = `let running = 0;
module.exports = async () => {
  running += 1;
  const body = running > ${slots} ? "too many at once: " + running : "counted";
  await new Promise((resolve) => setTimeout(resolve, 50));
  running -= 1;
  return { status: 200, body };
};`;

interface Lease {
  readonly spec: { readonly holderIdentity: string; readonly leaseTransitions: number };
}

const lease = async (): Promise<Lease["spec"]> =>
  (await kubectlJson<Lease>(["get", "lease", "fermi-poolmgr", "--namespace=fermi"])).spec;

/** The holder's name is that of its pod, and what tells it from one that ran there before. */
const podOf = ({ holderIdentity }: Lease["spec"]): string => holderIdentity.replace(/_[^_]*$/, "");

describeOnCluster("while the pool manager that leads stands still", () => {
  let traffic: Traffic;
  let counted: DeployedFunction;
  let load: Load;
  let startedMs = 0;
  let takenOverMs = 0;
  let [before, during, after]: Lease["spec"][] = [];
  let countersBefore: string[];
  const counters = async (): Promise<string[]> =>
    (await instancesOf(counted.id)).map(({ metadata }) => metadata.uid).sort();

  beforeAll(async () => {
    traffic = await Traffic.prepare();
    await createEnvironment(traffic.fermi, "counting", 2, fissionNode);
    const settings = { requestsPerInstance: slots, minInstances: 2, maxInstances: 3 };
    counted = await createFunction(traffic.fermi, "counting", "counted", settings, counting);
    await until("two instances that count", async () => (await counters()).length === 2);
    countersBefore = await counters();
    load = new Load([{ url: counted.url, expected: "counted" }], countedPerSecond);
    startedMs = performance.now();
    await traffic.start();
    load.start();
    before = await lease();
    const stoppedMs = performance.now();
    await withPodStopped(podOf(before), async () => {
      during = await until("another to lead", async () => {
        const now = await lease();
        return now.holderIdentity !== before?.holderIdentity && now;
      });
      takenOverMs = performance.now() - stoppedMs;
      note(`another leads after ${(takenOverMs / 1_000).toFixed(1)} s`);
      await delay(pausedMs - takenOverMs);
    });
    await delay(watchedMs);
    after = await lease();
    await Promise.all([traffic.stop(), load.stop()]);
    traffic.describe();
  }, 300_000);
  afterAll(() => Promise.all([(traffic as Traffic | undefined)?.stop(), (load as Load | undefined)?.stop()]));

  it("another takes over in time, and keeps the lead when the first one wakes", () => {
    expect(takenOverMs).toBeLessThan(takenOverWithinMs);
    expect(after).toMatchObject({ holderIdentity: during?.holderIdentity });
    expect(after?.leaseTransitions).toBe((before?.leaseTransitions ?? 0) + 1);
  });

  it("fails no warm request and no cold start", () => {
    expect(traffic.warm.answers.length).toBeGreaterThan(40 * (pausedMs / 1_000));
    expect(traffic.cold.answers.length).toBeGreaterThan(0.8 * (pausedMs / 1_000));
    expect(inWords([...traffic.warm.failures(), ...traffic.cold.failures()], startedMs)).toEqual([]);
  });

  it("gives no slot away twice, also where the image would not notice", () => {
    note(`counted: ${load.answers.length} requests, ${load.failures().length} failed`);
    expect(load.answers.length).toBeGreaterThan(0.8 * countedPerSecond * (pausedMs / 1_000));
    expect(inWords(load.failures(), startedMs)).toEqual([]);
  });

  it("loses no warm pod and no record", async () => {
    expect(await traffic.lostInstances()).toEqual([]);
    expect(await counters()).toEqual(expect.arrayContaining(countersBefore));
    expect(await traffic.lostRecords()).toEqual([]);
  }, 60_000);
});
