/** The queue of asynchronous invocations against a model of it, and what must hold whatever workers do. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { DataSource } from "typeorm";
import { newId } from "../../src/lib/new-id.js";
import type { NewAsyncInvocation } from "../../src/model/async-invocation.js";
import type { Decision, Leased } from "../../src/model/async-work.js";
import { buildDataSource } from "../../src/store/data-source.js";
import { AsyncInvocationRepository } from "../../src/store/repositories/async-invocation.repository.js";
import { AsyncWorkRepository } from "../../src/store/repositories/async-work.repository.js";
import { InvocationRepository } from "../../src/store/repositories/invocation.repository.js";
import { recordLocks } from "../../src/store/repositories/record-once.js";
import { RecordPartitions } from "../../src/store/repositories/record-partitions.js";
import { eventually } from "../support/harness.js";
import { testDatabase, type TestDatabase } from "../support/test-database.js";
import { locksFirstFirst } from "./support/lock-order.js";

const leaseMs = 10_000;
const functionIds = [newId(), newId()];
const epoch0 = Date.parse("2030-01-01T00:00:00Z");

/** What the store is to be like: one entry for each invocation. */
interface Entry {
  state: "QUEUED" | "RUNNING" | "SUCCEEDED" | "DEAD" | "CANCELLED";
  readonly functionId: string;
  epoch: number;
  attempts: number;
  before: number;
  availableAt: number;
  leaseUntil: number;
  /** What its record tells: not of a lease before its function has it. */
  shown: { readonly status: string; readonly recorded: number };
}

const show = (entry: Entry): void => {
  entry.shown = { status: entry.state, recorded: entry.before + entry.attempts };
};

/** Who has a lease, in the belief of who took it. */
interface Held {
  readonly leased: Leased;
}

interface Real {
  readonly queue: AsyncInvocationRepository;
  readonly work: AsyncWorkRepository;
  readonly held: Held[];
  advance(ms: number): Promise<void>;
}

class Model {
  readonly entries = new Map<string, Entry>();
  now = epoch0;

  isInForce({ id, epoch }: { readonly id: string; readonly epoch: number }): boolean {
    const entry = this.entries.get(id);
    return entry?.state === "RUNNING" && entry.epoch === epoch;
  }

  settle({ id, epoch }: Leased, decision: Decision): boolean {
    const entry = this.entries.get(id);
    if (entry === undefined || !this.isInForce({ id, epoch })) return false;
    entry.state = decision.state;
    if (decision.state === "QUEUED") {
      entry.availableAt = this.now + decision.afterMs;
      if (!decision.isAttempt) entry.attempts--;
    }
    show(entry);
    return true;
  }
}

type Command = fc.AsyncCommand<Model, Real>;

const command = (name: string, run: (model: Model, real: Real) => Promise<void>): Command => ({
  check: () => true,
  run,
  toString: () => name,
});

const aNew = (fields: Partial<NewAsyncInvocation> = {}): NewAsyncInvocation => ({
  id: newId(),
  namespace: "default",
  functionId: functionIds[0] ?? "",
  ...{ version: null, currentVersion: 1, source: "GRAPHQL", triggerId: null, method: "POST", target: "/?a" },
  ...{ headers: [], route: null, body: Buffer.from("body"), acceptedAt: new Date(), delaySeconds: 0, maxAttempts: 3 },
  ...{ idempotencyKey: null, onSuccess: null, onFailure: null, depth: 0, statusToken: "t".repeat(43) },
  ...fields,
});

const enqueue = fc.record({ which: fc.nat(1), delaySeconds: fc.constantFrom(0, 0, 5) }).map(({ which, delaySeconds }) =>
  command(`enqueue of ${which} in ${delaySeconds} s`, async (model, { queue }) => {
    const given = aNew({ functionId: functionIds[which] ?? "", delaySeconds });
    await queue.enqueue([given]);
    const availableAt = model.now + delaySeconds * 1_000;
    const { id, functionId } = given;
    model.entries.set(id, {
      state: "QUEUED",
      functionId,
      epoch: 0,
      attempts: 0,
      before: 0,
      availableAt,
      leaseUntil: 0,
      shown: { status: "QUEUED", recorded: 0 },
    });
  }),
);

const lease = fc.record({ which: fc.nat(1), count: fc.integer({ min: 1, max: 3 }) }).map(({ which, count }) =>
  command(`lease ${count} of ${which}`, async (model, { work, held }) => {
    const functionId = functionIds[which] ?? "";
    const due = [...model.entries].filter(
      ([, entry]) => entry.functionId === functionId && entry.state === "QUEUED" && entry.availableAt <= model.now,
    );
    const leased = await work.lease([{ functionId, count }], leaseMs);
    expect(leased).toHaveLength(Math.min(count, due.length));
    for (const one of leased) {
      const entry = due.find(([id]) => id === one.id)?.[1];
      if (entry === undefined) throw new Error("it was not due");
      Object.assign(entry, { state: "RUNNING", leaseUntil: model.now + leaseMs });
      expect([one.epoch, one.attempts, one.attemptsInAll]).toEqual([
        ++entry.epoch,
        ++entry.attempts,
        entry.before + entry.attempts,
      ]);
      held.push({ leased: one });
    }
  }),
);

const decision: fc.Arbitrary<Decision> = fc.constantFrom<Decision>(
  { state: "SUCCEEDED" },
  { state: "DEAD", error: "It failed." },
  { state: "QUEUED", error: "It failed.", afterMs: 1_000, isAttempt: true },
  { state: "QUEUED", error: "No room.", afterMs: 1_000, isAttempt: false },
);

/** Also those that somebody else has by now, or that have ended: a worker that was asleep does not know. */
const settle = fc.record({ at: fc.nat(20), decision }).map(({ at, decision: what }) =>
  command(`settle no. ${at} as ${what.state}`, async (model, { work, held }) => {
    const one = held[at % Math.max(1, held.length)];
    if (one === undefined) return;
    const { id, epoch } = one.leased;
    const inForce = await work.settle([{ id, epoch, decision: what }]);
    expect(inForce).toEqual(model.settle(one.leased, what) ? [id] : []);
  }),
);

const begin = fc.constant(
  command("begin all that was ever leased", async (model, { work, held }) => {
    await work.begun(held.map(({ leased: { id, epoch } }) => ({ id, epoch })));
    for (const [id, entry] of model.entries) {
      if (held.some(({ leased }) => leased.id === id && model.isInForce(leased))) show(entry);
    }
  }),
);

const renew = fc.constant(
  command("renew all that was ever leased", async (model, { work, held }) => {
    const leases = held.map(({ leased: { id, epoch } }) => ({ id, epoch }));
    const kept = await work.renew(leases, leaseMs);
    const expected = leases.filter((one) => model.isInForce(one));
    expect(new Set(kept.map(({ id }) => id))).toEqual(new Set(expected.map(({ id }) => id)));
    for (const { id } of expected) Object.assign(model.entries.get(id) ?? {}, { leaseUntil: model.now + leaseMs });
  }),
);

const advance = fc.constantFrom(500, 4_000, 11_000).map((ms) =>
  command(`advance ${ms} ms`, async (model, real) => {
    model.now += ms;
    await real.advance(ms);
  }),
);

const expire = fc.constant(
  command("give up leases that ran out", async (model, { work }) => {
    const over = await work.expired(100);
    const expected = [...model.entries].filter(
      ([, { state, leaseUntil }]) => state === "RUNNING" && leaseUntil < model.now,
    );
    expect(new Set(over.map(({ id }) => id))).toEqual(new Set(expected.map(([id]) => id)));
    const again: Decision = { state: "QUEUED", error: "The worker was lost.", afterMs: 0, isAttempt: true };
    const settled = await work.settle(over.map(({ id, epoch }) => ({ id, epoch, decision: again, isExpiry: true })));
    expect(settled).toHaveLength(over.length);
    for (const [, entry] of expected) {
      Object.assign(entry, { state: "QUEUED", availableAt: model.now });
      show(entry);
    }
  }),
);

/** A lease whose function does not have it yet was no attempt. */
const cancel = (entry: Entry): void => {
  if (entry.state === "RUNNING" && entry.shown.status !== "RUNNING") entry.attempts--;
  Object.assign(entry, { state: "CANCELLED", epoch: entry.epoch + 1 });
};

const change = fc.record({ at: fc.nat(20), isCancel: fc.boolean() }).map(({ at, isCancel }) =>
  command(`${isCancel ? "cancel" : "redrive"} no. ${at}`, async (model, { queue }) => {
    const [id, entry] = [...model.entries][at % Math.max(1, model.entries.size)] ?? [];
    if (id === undefined || entry === undefined) return;
    const isPossible = isCancel ? ["QUEUED", "RUNNING"].includes(entry.state) : entry.state === "DEAD";
    const done = await (isCancel ? queue.cancel(id) : queue.redrive(id));
    expect(done?.status).toBe(isPossible ? (isCancel ? "CANCELLED" : "QUEUED") : undefined);
    if (!isPossible) return;
    if (isCancel) cancel(entry);
    else
      Object.assign(entry, {
        state: "QUEUED",
        before: entry.before + entry.attempts,
        attempts: 0,
        availableAt: model.now,
      });
    show(entry);
  }),
);

describe("the queue of asynchronous invocations", () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  const now = "(SELECT at FROM test_clock)";
  beforeAll(async () => {
    database = await testDatabase();
    dataSource = await buildDataSource({ url: database.url }).initialize();
    await dataSource.query("CREATE TABLE test_clock (at timestamptz NOT NULL)");
  });
  beforeEach(() => reset());
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  const reset = async (): Promise<void> => {
    await dataSource.query("TRUNCATE async_invocation, invocation, test_clock");
    await dataSource.query("INSERT INTO test_clock VALUES ($1)", [new Date(epoch0)]);
  };
  const advanceTo = async (ms: number): Promise<void> => {
    await dataSource.query("UPDATE test_clock SET at = at + make_interval(secs => $1 / 1000.0)", [ms]);
  };
  const real = (): Real => ({
    queue: new AsyncInvocationRepository(dataSource, now),
    work: new AsyncWorkRepository(dataSource, now),
    held: [],
    advance: advanceTo,
  });
  const stored = async (): Promise<unknown[]> =>
    dataSource.query(
      `SELECT a.id, a.state, a.epoch, a.attempts, a.attempts_before AS before, i.status, i.attempts AS recorded
        FROM async_invocation a JOIN invocation i ON i.id = a.id ORDER BY a.id`,
    );

  it("does what its model does, whatever workers, callers and time do", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.commands([enqueue, enqueue, lease, lease, begin, settle, settle, renew, advance, expire, change], {
          maxCommands: 40,
        }),
        async (commands) => {
          await reset();
          const model = new Model();
          await fc.asyncModelRun(() => ({ model, real: real() }), commands);
          const expected = [...model.entries].sort(([one], [other]) => (one < other ? -1 : 1));
          expect(await stored()).toEqual(
            expected.map(([id, { state, epoch, attempts, before, shown }]) => ({
              ...{ id, state, epoch, attempts, before, ...shown },
            })),
          );
        },
      ),
      { numRuns: 60 },
    );
  }, 120_000);

  it("lets nobody settle who has lost his lease, and keeps nothing of what he says", async () => {
    const { queue, work } = real();
    const given = aNew();
    await queue.enqueue([given]);
    const wanted = [{ functionId: given.functionId, count: 1 }];
    const [slow] = await work.lease(wanted, leaseMs);
    if (slow === undefined) throw new Error("nothing was leased");
    await advanceTo(leaseMs + 1);
    const again: Decision = { state: "QUEUED", error: "Lost.", afterMs: 0, isAttempt: true };
    await work.settle((await work.expired(1)).map(({ id, epoch }) => ({ id, epoch, decision: again, isExpiry: true })));
    const [second] = await work.lease(wanted, leaseMs);
    expect(second).toMatchObject({ id: given.id, epoch: 2, attempts: 2 });
    const result = { httpStatus: 200, headers: {}, body: Buffer.from("late") };
    const late = { ...slow, decision: { state: "SUCCEEDED" } as const, result };
    expect(await work.renew([slow], leaseMs)).toEqual([]);
    expect(await work.settle([late])).toEqual([]);
    expect(await queue.results([given.id])).toEqual(new Map());
    expect(await work.settle([{ ...late, epoch: 2, result: { ...result, body: Buffer.from("mine") } }])).toEqual([
      given.id,
    ]);
    expect((await queue.results([given.id])).get(given.id)?.body.toString()).toBe("mine");
  });

  it("gives each to one worker only, however many ask at once", async () => {
    const { queue, work } = real();
    await queue.enqueue(Array.from({ length: 200 }, () => aNew()));
    const wanted = [{ functionId: functionIds[0] ?? "", count: 30 }];
    const all = (await Promise.all(Array.from({ length: 10 }, () => work.lease(wanted, leaseMs)))).flat();
    expect(all).toHaveLength(200);
    expect(new Set(all.map(({ id }) => id)).size).toBe(200);
  });

  describe("is locked in the order of ids", () => {
    /** Two of one function, the second stored and leased first. */
    const twoLeased = async (): Promise<{ leased: Leased[]; rows: { first: string; second: string } }> => {
      const { queue, work } = real();
      const leased: Leased[] = [];
      const [first = "", second = ""] = [newId(), newId()].sort();
      for (const id of [second, first]) {
        await queue.enqueue([aNew({ id })]);
        leased.push(...(await work.lease([{ functionId: functionIds[0] ?? "", count: 1 }], leaseMs)));
      }
      const row = (id: string): string => `SELECT FROM async_invocation WHERE id = '${id}'`;
      return { leased, rows: { first: row(first), second: row(second) } };
    };

    it("by who renews leases", async () => {
      const { leased, rows } = await twoLeased();
      expect(await locksFirstFirst(dataSource, rows, () => real().work.renew(leased, leaseMs))).toBe(true);
    });

    it("by who settles", async () => {
      const { leased, rows } = await twoLeased();
      const settlements = leased.map(({ id, epoch }) => ({ id, epoch, decision: { state: "SUCCEEDED" } as const }));
      expect(await locksFirstFirst(dataSource, rows, () => real().work.settle(settlements))).toBe(true);
    });
  });

  it("keeps nobody from writing while it looks for dead ones to run again", async () => {
    const { queue, work } = real();
    await queue.enqueue([1, 2, 3].map(() => aNew()));
    const leased = await work.lease([{ functionId: functionIds[0] ?? "", count: 3 }], leaseMs);
    const died: Decision = { state: "DEAD", error: "It failed." };
    await work.settle(leased.map(({ id, epoch }) => ({ id, epoch, decision: died })));
    const holder = dataSource.createQueryRunner();
    await holder.startTransaction();
    await holder.query("LOCK TABLE async_invocation IN ACCESS EXCLUSIVE MODE");
    const redriving = queue.redriveAll({ functionId: functionIds[0] ?? "" }, 2);
    await eventually(async () => {
      const waiting: unknown[] = await dataSource.query(
        `SELECT FROM pg_locks WHERE NOT granted AND relation IS NOT NULL
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      expect(waiting).toHaveLength(1);
    });
    const tried: unknown = await holder.query("SELECT pg_try_advisory_xact_lock($1) AS free", [recordLocks.invocation]);
    await holder.rollbackTransaction();
    await holder.release();
    expect(tried).toEqual([{ free: true }]);
    expect(await redriving).toBe(2);
    expect(await queue.redriveAll({ functionId: functionIds[0] ?? "", source: "GRAPHQL" }, 2)).toBe(1);
    expect(await queue.redriveAll({}, 2)).toBe(0);
  });

  it("tells of every function that has something due, and how much", async () => {
    const { queue, work } = real();
    const [first = "", second = ""] = [...functionIds].sort();
    await queue.enqueue([
      ...[1, 2, 3].map(() => aNew({ functionId: first })),
      aNew({ functionId: second }),
      aNew({ functionId: second, delaySeconds: 60 }),
    ]);
    const none = "00000000-0000-0000-0000-000000000000";
    expect(await work.backlog(none, 10, 2)).toEqual([
      { functionId: first, due: 2 },
      { functionId: second, due: 1 },
    ]);
    expect(await work.backlog(first, 10, 2)).toEqual([{ functionId: second, due: 1 }]);
    expect(await work.backlog(none, 1, 9)).toEqual([{ functionId: first, due: 3 }]);
  });

  it("loses none that has not ended when old records go, nor one that has ended lately", async () => {
    const { queue, work } = real();
    const dayMs = 24 * 3_600_000;
    const old = new Date(epoch0 - 20 * dayMs);
    await new RecordPartitions(dataSource).ensureDay(old.toISOString().slice(0, 10), new AbortController().signal);
    const ids = await Promise.all(
      ["QUEUED", "DEAD", "SUCCEEDED"].map(async (state) => {
        const given = aNew({ acceptedAt: old, functionId: newId() });
        await queue.enqueue([given]);
        const [leased] =
          state === "QUEUED" ? [] : await work.lease([{ functionId: given.functionId, count: 1 }], leaseMs);
        if (leased !== undefined) {
          await work.settle([{ ...leased, decision: { state: state as "DEAD", error: "It failed." } }]);
        }
        return given.id;
      }),
    );
    const [queued = "", dead = "", done = ""] = ids;
    await dataSource.query("UPDATE async_invocation SET finished_at = $1 WHERE id = $2", [old, done]);
    await new RecordPartitions(dataSource).dropBefore(new Date(epoch0 - 7 * dayMs), new AbortController().signal);
    const invocations = new InvocationRepository(dataSource);
    const left = await Promise.all(
      ids.map(async (id) => {
        const rows: { status: string }[] = await dataSource.query("SELECT status FROM invocation WHERE id = $1", [id]);
        return rows[0]?.status;
      }),
    );
    expect(left).toEqual(["QUEUED", "DEAD", undefined]);
    expect(await queue.isAsync(done)).toBe(false);
    expect((await invocations.list({ statuses: ["DEAD"] }, { first: 5 })).edges.map(({ node }) => node.id)).toEqual([
      dead,
    ]);
    expect(await queue.redrive(dead)).toMatchObject({ id: dead, status: "QUEUED" });
    expect(await queue.cancel(queued)).toMatchObject({ id: queued, status: "CANCELLED" });
  });
});
