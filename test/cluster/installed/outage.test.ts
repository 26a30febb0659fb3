/** A part is away for a minute, under constant load: warm functions go on, the rest is refused in time, and all heals. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "../../support/harness.js";
import { note, rolledOut, timed } from "../support/installation.js";
import { describeOnCluster } from "../support/kubectl.js";
import { ask, type Answered } from "../support/load.js";
import { scale, withoutKubernetesApi } from "../support/outages.js";
import { inWords, Traffic } from "../support/traffic.js";

const awayMs = 1_000 * Number(process.env["FERMI_TEST_AWAY_SECONDS"] ?? 60);
/** Above a cold start's own deadline. */
const refusedWithinMs = 65_000;

describeOnCluster("while a part is away", () => {
  let traffic: Traffic;
  let startedMs = 0;
  const warmFailures = (): string[] => inWords(traffic.warm.failures(), startedMs);
  const callOfCold = (at: number): Promise<Answered> => {
    const { name, url } = traffic.cooled[at]!;
    return ask({ url, expected: name });
  };
  const begin = async (): Promise<void> => {
    traffic = await Traffic.prepare();
    startedMs = performance.now();
    await traffic.start({ withColdStarts: false });
  };
  const healed = async (at: number): Promise<void> =>
    timed("until a cold start works again", () =>
      eventually(async () => {
        const { failure } = await callOfCold(at);
        if (failure !== undefined) throw new Error(failure);
      }, 90_000),
    );

  describe("the pool manager", () => {
    let refusals: Answered[];
    beforeAll(async () => {
      await begin();
      await scale("deployment/fermi-poolmgr", 0);
      const asked = [callOfCold(0)];
      await delay(awayMs);
      await scale("deployment/fermi-poolmgr", 2);
      refusals = await Promise.all(asked);
      await healed(1);
      await traffic.stop();
      traffic.describe();
    }, 300_000);
    afterAll(() => (traffic as Traffic | undefined)?.stop());

    it("warm requests are served", () => {
      expect(traffic.warm.answers.length).toBeGreaterThan(40 * (awayMs / 1_000));
      expect(warmFailures()).toEqual([]);
    });

    it("a cold start is answered or refused within its deadline", () => {
      for (const { ms, failure } of refusals) {
        note(`the cold start in between: ${failure ?? "answered"} after ${(ms / 1_000).toFixed(1)} s`);
        expect(ms).toBeLessThan(refusedWithinMs);
      }
    });

    it("every warm pod is taken over", async () => {
      expect(await traffic.lostInstances()).toEqual([]);
      expect(await traffic.lostRecords()).toEqual([]);
    }, 60_000);
  });

  describe("the Kubernetes API, and Postgres", () => {
    let refusal: Answered;
    beforeAll(async () => {
      await begin();
      await scale("statefulset/fermi-postgres", 0);
      refusal = await withoutKubernetesApi(async () => {
        const [answer] = await Promise.all([callOfCold(2), delay(awayMs)]);
        return answer;
      });
      await eventually(() => scale("statefulset/fermi-postgres", 1), 60_000);
      await rolledOut();
      await healed(3);
      await traffic.stop();
      traffic.describe();
    }, 400_000);
    afterAll(() => (traffic as Traffic | undefined)?.stop());

    it("warm requests are served", () => {
      expect(traffic.warm.answers.length).toBeGreaterThan(40 * (awayMs / 1_000));
      expect(warmFailures()).toEqual([]);
    });

    it("a cold start is refused in time, with the reason", () => {
      note(`the cold start in between: ${refusal.failure ?? "answered"} after ${(refusal.ms / 1_000).toFixed(1)} s`);
      expect(refusal.ms).toBeLessThan(refusedWithinMs);
      expect(refusal.failure ?? "CLUSTER_UNAVAILABLE").toContain("CLUSTER_UNAVAILABLE");
    });

    it("no warm pod and no record is lost", async () => {
      expect(await traffic.lostInstances()).toEqual([]);
      expect(await traffic.lostRecords()).toEqual([]);
    }, 60_000);
  });
});
