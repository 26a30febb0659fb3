/** Every role is restarted under constant load, one after another and all at once: nobody notices. */
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { note, podsIn, rolledOut, roles, timed } from "../support/installation.js";
import { describeOnCluster, kubectl } from "../support/kubectl.js";
import { inWords, Traffic } from "../support/traffic.js";

const restart = async (...names: readonly string[]): Promise<void> => {
  await kubectl(["rollout", "restart", "--namespace=fermi", ...names.map((role) => `deployment/fermi-${role}`)]);
  await rolledOut(names);
};

describeOnCluster("rolling restarts under load", () => {
  let traffic: Traffic;
  let podsBefore: string[];
  let startedMs = 0;
  const podNames = async (): Promise<string[]> =>
    (await podsIn("fermi", "app.kubernetes.io/name=fermi")).map(({ metadata }) => metadata.name);

  beforeAll(async () => {
    traffic = await timed("Fermi with two of each role, and functions", () => Traffic.prepare());
    podsBefore = await podNames();
    startedMs = performance.now();
    await traffic.start();
    for (const role of roles) await timed(`restart of ${role}`, () => restart(role));
    await timed("restart of all at once", () => restart(...roles));
    await traffic.stop();
    traffic.describe();
  }, 500_000);
  afterAll(() => (traffic as Traffic | undefined)?.stop());

  it("replace every pod of every role", async () => {
    const now = await podNames();
    expect(now.filter((name) => podsBefore.includes(name))).toEqual([]);
    expect(now).toHaveLength(2 * roles.length);
  });

  it("fail no warm request", () => {
    expect(traffic.warm.answers.length).toBeGreaterThan(1_000);
    expect(inWords(traffic.warm.failures(), startedMs)).toEqual([]);
  });

  it("fail no cold start", async () => {
    expect(inWords(traffic.cold.failures(), startedMs)).toEqual([]);
    const coldStarts = await traffic.coldStarts();
    note(`cold starts: ${coldStarts} of ${traffic.cold.answers.length} calls`);
    // On a machine on which pods start slowly, some find their function still warm from the call before.
    expect(coldStarts).toBeGreaterThan(0.5 * traffic.cold.answers.length);
  });

  it("lose no warm pod", async () => {
    expect(await traffic.lostInstances()).toEqual([]);
  });

  it("lose no record of an invocation", async () => {
    expect(await traffic.lostRecords()).toEqual([]);
  }, 90_000);
});
