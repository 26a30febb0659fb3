import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { TimeTrigger } from "../../src/model/trigger.js";
import { TimerRunRepository } from "../../src/store/repositories/timer-run.repository.js";
import { TriggerRecordsRepository } from "../../src/store/repositories/trigger-records.repository.js";
import { TriggerStore } from "../../src/store/trigger-store.js";
import { ctx, newEnvironment, newFunction, openServices, type Services } from "./support/open-services.js";

const at = (minute: number): Date => new Date(Date.UTC(2030, 0, 1, 0, minute));

describe("TimerRunRepository", () => {
  let services: Services;
  let runs: TimerRunRepository;
  beforeAll(async () => {
    services = await openServices();
    runs = new TimerRunRepository(services.dataSource);
  });
  beforeEach(async () => {
    await services.environments.create(ctx, newEnvironment());
    await services.functions.create(ctx, newFunction());
  });
  afterEach(() => services.clear());
  afterAll(() => services.close());

  const create = (name: string, overlap: TimeTrigger["overlap"] = "ALLOW"): Promise<TimeTrigger> =>
    services.triggers.createTime(ctx, {
      ...{ namespace: "default", name, function: "hello", schedule: "* * * * *", timezone: "UTC" },
      ...{ onMissed: "RUN_ONCE", missedWindowSeconds: 3_600, overlap },
    });
  const ask = async ({ id, revision }: TimeTrigger, dueAt: Date): Promise<string | undefined> =>
    (await runs.ask([{ triggerId: id, revision, dueAt }])).get(id)?.outcome;

  it("gives each due time to one caller, however many ask at once", async () => {
    const trigger = await create("contested");
    for (let minute = 1; minute <= 5; minute++) {
      const answers = await Promise.all(Array.from({ length: 8 }, () => ask(trigger, at(minute))));
      expect(answers.sort()).toEqual([...Array.from({ length: 7 }, () => "KNOWN"), "RUN"]);
    }
  });

  it("never goes back to a due time before one that was decided on", async () => {
    const trigger = await create("forwards");
    expect([await ask(trigger, at(3)), await ask(trigger, at(2)), await ask(trigger, at(4))]).toEqual([
      "RUN",
      "KNOWN",
      "RUN",
    ]);
  });

  it("is not bound by what was decided while a clock was ahead, and then goes forwards again", async () => {
    const trigger = await create("ahead", "SKIP");
    const now = Date.now();
    const due = [at(1), new Date(now - 1_000), new Date(now - 1_000), new Date(now - 2_000)];
    const answers = [];
    for (const dueAt of due) {
      answers.push(await ask(trigger, dueAt));
      await services.dataSource.query("UPDATE timer_run SET run_at = run_due_at");
    }
    expect(answers).toEqual(["RUN", "RUN", "KNOWN", "KNOWN"]);
  });

  it("decides nothing for a trigger that was changed, switched off or deleted meanwhile", async () => {
    const trigger = await create("changing");
    const changed = await services.triggers.updateTime(ctx, { id: trigger.id, overlap: "SKIP" });
    expect([await ask(trigger, at(1)), await ask(changed, at(1))]).toEqual(["CHANGED", "RUN"]);
    const off = (await services.triggers.setEnabled(ctx, trigger.id, false)) as TimeTrigger;
    expect([await ask(changed, at(2)), await ask(off, at(2))]).toEqual(["CHANGED", "CHANGED"]);
    const on = (await services.triggers.setEnabled(ctx, trigger.id, true)) as TimeTrigger;
    await services.triggers.delete(ctx, trigger.id);
    expect(await ask(on, at(2))).toBe("CHANGED");
  });

  it("leaves a due time out while the run before is not over, for those that want it so", async () => {
    const trigger = await create("alone", "SKIP");
    expect([await ask(trigger, at(1)), await ask(trigger, at(2))]).toEqual(["RUN", "SKIPPED"]);
    // What was left out is decided on, and so not made up later.
    expect(await ask(trigger, at(2))).toBe("KNOWN");
    await runs.finish([{ triggerId: trigger.id, dueAt: at(1) }]);
    expect([await ask(trigger, at(3)), await ask(trigger, at(4))]).toEqual(["RUN", "SKIPPED"]);
    const beside = await create("beside", "ALLOW");
    expect([await ask(beside, at(1)), await ask(beside, at(2))]).toEqual(["RUN", "RUN"]);
  });

  it("takes a run for over when its time has passed, though nobody has said so", async () => {
    const trigger = await create("orphaned", "SKIP");
    await ask(trigger, at(1));
    await services.dataSource.query("UPDATE timer_run SET over_by = now() - interval '1 ms'");
    expect(await ask(trigger, at(2))).toBe("RUN");
  });

  it("gives a run the function's time limit, and a minute to begin", async () => {
    await services.functions.update(ctx, { namespace: "default", name: "hello", settings: { timeoutSeconds: 7 } });
    const { id, revision } = await create("bounded");
    const answers = await runs.ask([{ triggerId: id, revision, dueAt: at(1) }]);
    expect(answers.get(id)).toEqual({ outcome: "RUN", withinMs: 67_000 });
  });

  it("takes note of many at once, and tells what is known of them", async () => {
    const triggers = [];
    for (let count = 0; count < 20; count++) triggers.push(await create(`many-${count}`));
    const asked = triggers.map(({ id: triggerId, revision }) => ({ triggerId, revision, dueAt: at(1) }));
    expect([...(await runs.ask(asked)).values()].every(({ outcome }) => outcome === "RUN")).toBe(true);
    const [first] = triggers;
    const records = new TriggerRecordsRepository(services.dataSource);
    await records.report([{ triggerId: first?.id ?? "", condition: "FAILING", reason: "no", since: new Date() }]);
    const known = await runs.known(triggers.map(({ id }) => id));
    expect(known.get(first?.id ?? "")).toEqual({ decidedAt: at(1), condition: "FAILING" });
    expect([...known.values()].filter(({ condition }) => condition === null)).toHaveLength(19);
    expect((await records.lastRuns([first?.id ?? ""])).size).toBe(1);
  });

  it("reads the living triggers, and later only what has changed", async () => {
    const store = new TriggerStore(services.dataSource, "TimeTrigger");
    const one = await create("one");
    const before = await store.load();
    expect(before.map(({ name }) => name)).toEqual(["one"]);
    expect(await store.load()).toBe(before);
    await services.functions.update(ctx, { namespace: "default", name: "hello", source: "//" });
    expect(await store.load()).toBe(before);
    await create("two");
    await services.triggers.delete(ctx, one.id);
    const after = await store.load();
    expect(after).toMatchObject([{ name: "two", kind: "TIME", armedAt: expect.any(Date) }]);
  });
});
