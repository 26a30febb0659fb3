import { beforeEach, describe, expect, it } from "@jest/globals";
import { systemClock, type Clock } from "../../../../src/lib/clock.js";
import { silentLogger } from "../../../../src/lib/logger.js";
import type { QueueTrigger } from "../../../../src/model/trigger.js";
import type { Consumer, QueueBroker, Subscription, Verdict } from "../../../../src/triggers/queue/queue-broker.js";
import { QueueSource } from "../../../../src/triggers/queue/queue-source.js";
import { eventually } from "../../../support/harness.js";
import { aDelivery, aQueueTrigger, fakeInvoker, type Answer } from "./builders.js";

class FakeBroker implements QueueBroker {
  readonly subscriptions: Subscription[] = [];
  readonly stopped: string[] = [];
  readonly abandoned: string[] = [];
  readonly forgotten: string[] = [];
  untilIdle: Promise<void> = Promise.resolve();

  subscribe(subscription: Subscription): Consumer {
    const { id, revision } = subscription.trigger;
    this.subscriptions.push(subscription);
    return {
      stop: () => {
        this.stopped.push(`${id}@${revision}`);
        return this.untilIdle;
      },
      abandon: () => void this.abandoned.push(id),
    };
  }

  backlog(): Promise<ReadonlyMap<string, number>> {
    return Promise.resolve(new Map());
  }

  forget({ id, topic }: QueueTrigger): Promise<void> {
    this.forgotten.push(`${id} of ${topic}`);
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return this.untilIdle;
  }

  get last(): Subscription {
    const last = this.subscriptions.at(-1);
    if (last === undefined) throw new Error("nobody has subscribed");
    return last;
  }
}

describe("QueueSource", () => {
  let broker: FakeBroker;
  let triggers: QueueTrigger[];
  let reports: string[];
  let later: (() => void)[];
  let failure: Error | undefined;
  let nowMs: number;
  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => nowMs,
    after: (ms, task) => {
      if (ms !== 30_000) return systemClock.after(ms, task);
      later.push(task);
      return { stop: () => void later.splice(later.indexOf(task), 1) };
    },
  };
  beforeEach(() => {
    nowMs = 0;
    [broker, triggers, reports, later, failure] = [new FakeBroker(), [aQueueTrigger()], [], [], undefined];
  });

  function open(...answers: Answer[]): QueueSource {
    const source = new QueueSource({
      triggers: { load: () => (failure === undefined ? Promise.resolve(triggers) : Promise.reject(failure)) },
      brokers: { POSTGRES: broker },
      statuses: {
        report: ({ id }, condition, reason) => void reports.push(`${id} ${condition} ${reason ?? ""}`.trim()),
        confirm: ({ id }, condition, reason) => void reports.push(`${id} still ${condition} ${reason ?? ""}`.trim()),
      },
      ...{ invoker: fakeInvoker(...answers), random: () => 0, clock, logger: silentLogger, graceMs: 50 },
    });
    source.start();
    return source;
  }
  const until = (count: number): Promise<void> =>
    eventually(() => expect(broker.subscriptions.length).toBeGreaterThanOrEqual(count));
  const handle = (): Promise<Verdict> => broker.last.handle(aDelivery());

  it("serves the triggers that are on, and says that they are ready", async () => {
    triggers = [aQueueTrigger(), aQueueTrigger({ id: "off", enabled: false })];
    const source = open();
    await until(1);
    expect(broker.subscriptions.map(({ trigger }) => trigger.id)).toEqual(["t1"]);
    expect(reports).toEqual(["t1 READY"]);
    await source.stop();
    expect(broker.stopped).toEqual(["t1@1"]);
  });

  it("begins anew with a trigger that was changed, ends one that is off, and forgets one that is gone", async () => {
    const source = open();
    await until(1);
    triggers = [aQueueTrigger({ revision: 2 })];
    source.lookAgain();
    await until(2);
    expect([broker.stopped, broker.forgotten]).toEqual([["t1@1"], []]);
    triggers = [aQueueTrigger({ revision: 3, enabled: false })];
    source.lookAgain();
    await eventually(() => expect(broker.stopped).toEqual(["t1@1", "t1@2"]));
    triggers = [];
    source.lookAgain();
    await eventually(() => expect(broker.forgotten).toEqual(["t1 of orders"]));
    await source.stop();
  });

  it("forgets what was kept for a topic that the trigger has no more, also where that was changed while it was off", async () => {
    const source = open();
    await until(1);
    triggers = [aQueueTrigger({ revision: 2, topic: "bills" })];
    source.lookAgain();
    await eventually(() => expect(broker.forgotten).toEqual(["t1 of orders"]));
    triggers = [aQueueTrigger({ revision: 3, topic: "bills", enabled: false })];
    source.lookAgain();
    await eventually(() => expect(broker.stopped).toEqual(["t1@1", "t1@2"]));
    triggers = [aQueueTrigger({ revision: 4, topic: "fees", enabled: false })];
    source.lookAgain();
    await eventually(() => expect(broker.forgotten).toEqual(["t1 of orders", "t1 of bills"]));
    await source.stop();
  });

  it("says of a trigger whose broker is not there that it can't be served, and serves the others", async () => {
    triggers = [aQueueTrigger({ id: "n1", broker: "NATS" }), aQueueTrigger()];
    const source = open();
    await until(1);
    expect(reports).toEqual(["n1 INVALID This installation has no NATS: FERMI_NATS_URL is not set.", "t1 READY"]);
    await source.stop();
  });

  it("goes on with what it has while triggers can't be read", async () => {
    const source = open();
    await until(1);
    failure = new Error("away");
    source.lookAgain();
    failure = undefined;
    triggers = [aQueueTrigger({ id: "t2" })];
    source.lookAgain();
    await until(2);
    expect(broker.last.trigger.id).toBe("t2");
    await source.stop();
  });

  it("says why messages fail, and that all is well again when they have come through for a while", async () => {
    const source = open({ httpStatus: 500 }, {}, {});
    await until(1);
    await handle();
    expect(reports.at(-1)).toBe("t1 FAILING Error: boom");
    await handle();
    expect(reports.at(-1)).toBe("t1 FAILING Error: boom");
    for (const task of later.splice(0)) task();
    expect(reports.at(-1)).toBe("t1 READY");
    await source.stop();
  });

  it("keeps saying why the last message failed while none has come through since", async () => {
    const source = open({ httpStatus: 500 }, {});
    await until(1);
    await handle();
    for (const task of later.splice(0)) task();
    expect(reports.at(-1)).toBe("t1 FAILING Error: boom");
    await handle();
    expect(reports.at(-1)).toBe("t1 READY");
    await source.stop();
  });

  it("says again now and then what is so, as another process may have said something else", async () => {
    const source = open({}, {}, {}, { httpStatus: 500 });
    await until(1);
    for (nowMs = 0; nowMs < 60_000; nowMs += 20_000) await handle();
    expect(reports.splice(0)).toEqual(["t1 READY", "t1 still READY"]);
    nowMs += 30_000;
    await handle();
    expect(reports).toEqual(["t1 FAILING Error: boom", "t1 still FAILING Error: boom"]);
    await source.stop();
  });

  it("says what keeps the broker from bringing messages, and when it does again", async () => {
    const source = open();
    await until(1);
    broker.last.onTrouble("The broker is away.");
    expect(reports.at(-1)).toBe("t1 FAILING The broker is away.");
    broker.last.onTrouble(null);
    expect(reports.at(-1)).toBe("t1 READY");
    await source.stop();
  });

  it("gives up what does not end in time when it is stopped", async () => {
    let end = (): void => {};
    broker.untilIdle = new Promise((resolve) => (end = resolve));
    const source = open();
    await until(1);
    const stopped = source.stop();
    await eventually(() => expect(broker.abandoned).toEqual(["t1"]));
    end();
    await stopped;
  });
});
