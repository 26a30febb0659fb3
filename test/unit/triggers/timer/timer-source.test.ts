import { afterEach, describe, expect, it } from "@jest/globals";
import { AppError } from "../../../../src/errors/app-error.js";
import type { InvokeRequest } from "../../../../src/invocations/invoke-request.js";
import type { TimeTrigger } from "../../../../src/model/trigger.js";
import type { KnownTimer, RunAnswer, RunAsked } from "../../../../src/triggers/timer/timer-runs.js";
import { TimerSource } from "../../../../src/triggers/timer/timer-source.js";
import { FakeClock, settled } from "../../poolmgr/support/fake-clock.js";

const silent = { debug() {}, info() {}, warn() {}, error() {}, fatal() {} } as never;

/** A source over a store in memory and functions that do what the test says. */
class Stage {
  /** 2023-11-14T22:13:20Z. */
  readonly clock = new FakeClock();
  readonly calls: string[] = [];
  readonly statuses = new Map<string, string>();
  readonly known = new Map<string, KnownTimer>();
  triggers: readonly TimeTrigger[] = [];
  leads = true;
  isStoreAway = false;
  /** So often it is not told yet what is known of timers. */
  unknown = 0;
  answer: (request: InvokeRequest) => Promise<object> = () => Promise.resolve({ status: "SUCCEEDED", httpStatus: 200 });
  decide: (asked: RunAsked) => RunAnswer["outcome"] = () => "RUN";
  readonly asked: RunAsked[] = [];
  readonly lingering: Promise<void>[] = [];
  readonly source = new TimerSource({
    triggers: { load: () => (this.isStoreAway ? Promise.reject(away()) : Promise.resolve(this.triggers)) },
    runs: {
      ask: (asked) => this.#ask(asked),
      finish: () => Promise.resolve(),
      known: () => (this.unknown-- > 0 ? Promise.reject(away()) : Promise.resolve(this.known)),
    },
    invoker: {
      call: async (_signal, request) => {
        this.calls.push(`${request.triggerId} ${request.ownHeaders?.[1]?.[1] ?? ""}`);
        return (await this.answer(request)) as never;
      },
    },
    statuses: { report: ({ id }, condition, reason) => void this.statuses.set(id, reason ?? condition) },
    clock: this.clock,
    logger: silent,
    leads: () => this.leads,
    linger: (work) => void this.lingering.push(work),
    stopWithinMs: 5_000,
  });

  async start(...triggers: readonly TimeTrigger[]): Promise<void> {
    this.triggers = triggers;
    this.source.start();
    await this.settle();
  }

  async change(...triggers: readonly TimeTrigger[]): Promise<void> {
    this.triggers = triggers;
    this.source.lookAgain();
    await this.settle();
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await settled();
  }

  /** In steps, so that what is due has time to be asked for, called and noted. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      await this.clock.pass(Math.min(left, 500));
      await this.settle();
    }
  }

  async #ask(asked: readonly RunAsked[]): Promise<Map<string, RunAnswer>> {
    if (this.isStoreAway) throw away();
    this.asked.push(...asked);
    const answers = asked.map((one) => {
      const outcome = this.decide(one);
      return [one.triggerId, outcome === "RUN" ? { outcome, withinMs: 60_000 } : { outcome }] as const;
    });
    return new Map(answers);
  }
}

const away = (): AppError => new AppError("STORE_UNAVAILABLE", "The store is away.");

const timer = (fields: Partial<TimeTrigger> = {}): TimeTrigger => ({
  ...{ kind: "TIME", id: "t", namespace: "default", name: "tick", revision: 1, functionId: "f", enabled: true },
  ...{ schedule: "* * * * *", timezone: "UTC", onMissed: "RUN_ONCE", missedWindowSeconds: 3_600, overlap: "ALLOW" },
  ...{ createdAt: new Date(0), updatedAt: new Date(0), armedAt: new Date(1_700_000_000_000) },
  ...fields,
});

describe("TimerSource", () => {
  let stage: Stage;
  const begin = async (...triggers: readonly TimeTrigger[]): Promise<Stage> => {
    stage = new Stage();
    await stage.start(...triggers);
    return stage;
  };
  afterEach(() => stage.source.stop());

  it("calls at each due time, and says that all is well", async () => {
    const { calls, statuses } = await begin(timer());
    expect(statuses.get("t")).toBe("READY");
    await stage.pass(39_500);
    expect(calls).toEqual([]);
    await stage.pass(70_000);
    expect(calls).toEqual(["t 2023-11-14T22:14:00.000Z", "t 2023-11-14T22:15:00.000Z"]);
  });

  it("has one timer for all that is to come, and none where nothing is", async () => {
    await begin(
      ...Array.from({ length: 500 }, (_, index) => timer({ id: `t${index}`, schedule: `${index % 60} 4 * * *` })),
    );
    // The other one is that of the slow resync.
    expect(stage.clock.timers).toBe(2);
    await stage.change();
    await stage.pass(1_000);
    expect(stage.clock.timers).toBe(1);
  });

  it("forgets at once what is switched off or deleted, and takes up what was changed", async () => {
    const { calls } = await begin(timer({ id: "off" }), timer({ id: "gone" }), timer({ id: "changed" }));
    await stage.change(
      timer({ id: "off", enabled: false, revision: 2 }),
      timer({ id: "changed", revision: 2, schedule: "30 22 * * *" }),
    );
    await stage.pass(60_000);
    expect(calls).toEqual([]);
    await stage.pass(16 * 60_000);
    expect(calls).toEqual(["changed 2023-11-14T22:30:00.000Z"]);
  });

  it("says that a schedule is not understood, and goes on with the others", async () => {
    const { calls, statuses } = await begin(timer({ id: "odd", schedule: "whenever" }), timer({ id: "even" }));
    expect(statuses.get("odd")).toMatch(/not understood/);
    await stage.pass(60_000);
    expect(calls).toEqual(["even 2023-11-14T22:14:00.000Z"]);
    await stage.change(timer({ id: "odd", schedule: "* * * * *", revision: 2 }), timer({ id: "even" }));
    expect(statuses.get("odd")).toBe("READY");
  });

  it("makes up for the last run that was missed before it began, once", async () => {
    const armedAt = new Date(1_700_000_000_000 - 600_000);
    stage = new Stage();
    stage.known.set("seen", { decidedAt: new Date("2023-11-14T22:13:00Z"), condition: null });
    await stage.start(
      timer({ id: "missed", armedAt }),
      timer({ id: "skips", armedAt, onMissed: "SKIP" }),
      timer({ id: "seen", armedAt }),
    );
    await stage.pass(1_000);
    expect(stage.calls).toEqual(["missed 2023-11-14T22:13:00.000Z"]);
    await stage.pass(40_000);
    expect(stage.calls.filter((call) => call.includes("22:14:00")).sort()).toEqual([
      ...["missed 2023-11-14T22:14:00.000Z", "seen 2023-11-14T22:14:00.000Z", "skips 2023-11-14T22:14:00.000Z"],
    ]);
    expect(stage.calls).toHaveLength(4);
  });

  it("calls nothing that is not its to run, and nothing once it leads no more", async () => {
    await begin(timer());
    stage.decide = () => "KNOWN";
    await stage.pass(60_000);
    stage.decide = () => "SKIPPED";
    await stage.pass(60_000);
    expect(stage.asked).toHaveLength(2);
    stage.leads = false;
    await stage.pass(60_000);
    expect(stage.asked).toHaveLength(2);
    expect(stage.calls).toEqual([]);
  });

  it("runs what became due while it was not sure for a moment whether it leads", async () => {
    await begin(timer({ schedule: "@every 1h", armedAt: new Date(1_700_000_000_000 - 3_570_000) }));
    stage.leads = false;
    await stage.pass(35_000);
    stage.leads = true;
    await stage.pass(2_000);
    expect(stage.calls).toHaveLength(1);
  });

  it("asks again for a due time with the trigger as it has become", async () => {
    await begin(timer());
    stage.decide = ({ revision }) => (revision === 2 ? "RUN" : "CHANGED");
    stage.triggers = [timer({ revision: 2 })];
    await stage.pass(45_000);
    expect(stage.calls).toEqual(["t 2023-11-14T22:14:00.000Z"]);
  });

  it("runs what became due while the store was away when it is back", async () => {
    await begin(timer());
    stage.isStoreAway = true;
    await stage.pass(150_000);
    expect(stage.calls).toEqual([]);
    stage.isStoreAway = false;
    await stage.pass(5_000);
    expect(stage.calls).toEqual(["t 2023-11-14T22:15:00.000Z"]);
  });

  it("goes on from the time it is when the clock was a day ahead and is set back", async () => {
    const day = 24 * 60 * 60_000;
    const { calls } = await begin(timer(), timer({ id: "every", schedule: "@every 1m" }));
    stage.clock.setBy(day);
    await stage.pass(2_000);
    const made = timer({ id: "made", schedule: "@every 1m", armedAt: stage.clock.now() });
    await stage.change(timer(), timer({ id: "every", schedule: "@every 1m" }), made);
    stage.known.set("t", { decidedAt: new Date("2023-11-15T22:13:00Z"), condition: null });
    stage.clock.setBy(-day);
    calls.length = 0;
    await stage.pass(64_000);
    const next = calls.map((call) => call.slice(0, -5)).sort();
    expect(next).toEqual(["every 2023-11-14T22:14:20", "made 2023-11-14T22:14:23", "t 2023-11-14T22:14:00"]);
  });

  it("goes on also where the store fails just when the clock is set back", async () => {
    const { calls } = await begin(timer());
    await stage.pass(2_000);
    stage.unknown = 1;
    stage.clock.setBy(-10 * 60_000);
    await stage.pass(60_000);
    expect([stage.unknown, calls]).toEqual([-1, ["t 2023-11-14T22:04:00.000Z"]]);
  });

  it("runs nothing twice when the clock is set back a little", async () => {
    const { calls } = await begin(timer());
    await stage.pass(45_000);
    stage.clock.setBy(-120_000);
    await stage.pass(120_000);
    expect(calls).toEqual(["t 2023-11-14T22:14:00.000Z"]);
    await stage.pass(60_000);
    expect(calls.slice(1)).toEqual(["t 2023-11-14T22:15:00.000Z"]);
  });

  it("says why a run has failed until one does not", async () => {
    await begin(timer());
    stage.answer = () => Promise.resolve({ status: "FAILED", httpStatus: 500, error: "The function answered 500." });
    await stage.pass(41_000);
    expect(stage.statuses.get("t")).toBe("The function answered 500.");
    stage.answer = () => Promise.reject(new AppError("QUEUE_FULL", "Every slot is taken."));
    await stage.pass(60_000);
    expect(stage.statuses.get("t")).toBe("Every slot is taken.");
    stage.answer = () => Promise.resolve({ status: "SUCCEEDED", httpStatus: 200 });
    await stage.pass(60_000);
    expect(stage.statuses.get("t")).toBe("READY");
  });

  it("tries for a while to reach a router that does not listen yet", async () => {
    await begin(timer());
    const refused = Object.assign(new Error("refused"), { syscall: "connect" });
    let attempts = 0;
    stage.answer = () =>
      ++attempts < 4
        ? Promise.reject(new AppError("CLUSTER_UNAVAILABLE", "The router gave no answer.", { cause: refused }))
        : Promise.resolve({ status: "SUCCEEDED", httpStatus: 200 });
    await stage.pass(45_000);
    expect([attempts, stage.statuses.get("t")]).toEqual([4, "READY"]);
  });

  it("does not call again what a router may have had", async () => {
    await begin(timer());
    stage.answer = () => Promise.reject(new AppError("CLUSTER_UNAVAILABLE", "The router gave no answer."));
    await stage.pass(45_000);
    expect(stage.calls).toHaveLength(1);
  });

  it("bounds how many runs there are at a time, and lets no slow function delay another", async () => {
    const slow = Array.from({ length: 300 }, (_, index) => timer({ id: `slow${index}`, functionId: "slow" }));
    await begin(...slow, timer({ id: "quick", functionId: "quick" }));
    stage.answer = ({ functionId }) =>
      functionId === "slow" ? new Promise(() => {}) : Promise.resolve({ status: "SUCCEEDED", httpStatus: 200 });
    await stage.pass(45_000);
    expect(stage.calls.filter((call) => call.startsWith("slow"))).toHaveLength(64);
    expect(stage.calls.filter((call) => call.startsWith("quick"))).toHaveLength(1);
  });

  it("takes what waits for its turn for over a minute for missed, and makes up for it or not", async () => {
    const daily = { schedule: "14 22 * * *" };
    const before = { schedule: "40 13 22 * * *" };
    const held = Array.from({ length: 64 }, (_, index) => timer({ ...before, id: `held${index}` }));
    const brief = timer({ ...daily, id: "brief", missedWindowSeconds: 60 });
    const later = [timer({ ...daily, id: "late" }), timer({ ...daily, id: "skips", onMissed: "SKIP" }), brief];
    await begin(...held, ...later, timer({ id: "often" }));
    stage.answer = () => new Promise((resolve) => void stage.clock.after(90_000, () => resolve({ httpStatus: 200 })));
    await stage.pass(20_000 + 90_000);
    const after = stage.calls.filter((call) => !call.startsWith("held"));
    // Of "often" the next due time is the one to run.
    expect(after.sort()).toEqual(["late 2023-11-14T22:14:00.000Z", "often 2023-11-14T22:15:00.000Z"]);
    expect(["skips", "brief"].map((id) => stage.statuses.get(id))).toEqual([expect.any(String), expect.any(String)]);
    expect(stage.statuses.get("skips")).toMatch(/was left out/);
  });

  it("lets calls in flight go on for a while when it is stopped, and then breaks them off", async () => {
    await begin(timer());
    let isBrokenOff = false;
    stage.answer = () => new Promise((_, reject) => void stage.clock.after(3_000, () => reject(new Error("ended"))));
    await stage.pass(41_000);
    await stage.source.stop();
    void Promise.all(stage.lingering).then(() => (isBrokenOff = true));
    await stage.settle();
    expect(isBrokenOff).toBe(false);
    await stage.pass(3_000);
    expect(isBrokenOff).toBe(true);
  });
});
