/** What workers do among each other, and when something is taken from them. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { DataSource } from "typeorm";
import { AppError } from "../../src/errors/app-error.js";
import type { AsyncWork } from "../../src/invocations/async-queue.js";
import type { AsyncWorker } from "../../src/invocations/async-worker.js";
import { silentLogger } from "../../src/lib/logger.js";
import { newId } from "../../src/lib/new-id.js";
import type { NewAsyncInvocation } from "../../src/model/async-invocation.js";
import { buildDataSource } from "../../src/store/data-source.js";
import { AsyncInvocationRepository } from "../../src/store/repositories/async-invocation.repository.js";
import { AsyncWorkRepository } from "../../src/store/repositories/async-work.repository.js";
import { FakeAttempts, startWorker, untilAborted, type FakeFunction } from "../support/async-stage.js";
import { eventually } from "../support/harness.js";
import { testDatabase, type TestDatabase } from "../support/test-database.js";

describe("AsyncWorker", () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let workers: AsyncWorker[] = [];
  beforeAll(async () => {
    database = await testDatabase();
    dataSource = await buildDataSource({ url: database.url }).initialize();
  });
  afterEach(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    workers = [];
    await dataSource.query("TRUNCATE async_invocation, invocation");
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  const enqueue = async (count: number, fields: Partial<NewAsyncInvocation> = {}): Promise<string[]> => {
    const functionId = newId();
    const given = Array.from({ length: count }, (): NewAsyncInvocation => ({
      ...{ id: newId(), namespace: "default", functionId, version: null, currentVersion: 1 },
      ...{ source: "GRAPHQL", triggerId: null, method: "POST", target: "/", headers: [], route: null },
      ...{ body: Buffer.from("body"), acceptedAt: new Date(), delaySeconds: 0, maxAttempts: 3, idempotencyKey: null },
      ...{ onSuccess: null, onFailure: null, depth: 0, statusToken: "t".repeat(43) },
      ...fields,
    }));
    await new AsyncInvocationRepository(dataSource).enqueue(given);
    return given.map(({ id }) => id);
  };
  const start = (answer: FakeFunction, options: Parameters<typeof startWorker>[2] = {}): FakeAttempts => {
    const attempts = new FakeAttempts(answer);
    workers.push(startWorker(dataSource, attempts, options));
    return attempts;
  };
  const states = async (ids: readonly string[]): Promise<Record<string, number>> => {
    const rows: { status: string; count: string }[] = await dataSource.query(
      "SELECT status, count(*) AS count FROM invocation WHERE id = ANY($1) GROUP BY status",
      [ids],
    );
    return Object.fromEntries(rows.map(({ status, count }) => [status, Number(count)]));
  };
  const row = async (id: string | undefined): Promise<{ state: string; epoch: number; attempts: number }> => {
    const rows: { state: string; epoch: number; attempts: number }[] = await dataSource.query(
      "SELECT state, epoch, attempts FROM async_invocation WHERE id = $1",
      [id],
    );
    return rows[0] ?? { state: "none", epoch: 0, attempts: 0 };
  };

  it("lets a long queue of one function not keep another's waiting", async () => {
    const many = await enqueue(2_000);
    const attempts = start((_, signal) => untilAborted(signal));
    await eventually(() => expect(attempts.calls.length).toBeGreaterThan(0));
    const functionId = newId();
    const few = await enqueue(3, { functionId });
    await eventually(() => expect(attempts.calls.filter((call) => call.functionId === functionId)).toHaveLength(3));
    expect(await states([...many, ...few])).toMatchObject({ QUEUED: expect.any(Number) });
  });

  it("begins more while those go on that have begun", async () => {
    await enqueue(40);
    const attempts = start((_, signal) => untilAborted(signal), { concurrency: 60 });
    await eventually(() => expect(attempts.calls).toHaveLength(40), 10_000);
  });

  it("shows those as RUNNING that their function has, and begins few more while others wait for room", async () => {
    const ids = await enqueue(12);
    let makeRoom = (): void => {};
    const room = new Promise<void>((resolve) => (makeRoom = resolve));
    let hasOne = false;
    const attempts = new FakeAttempts(
      () => room.then(() => ({})),
      () => (hasOne ? room : ((hasOne = true), Promise.resolve())),
    );
    workers.push(startWorker(dataSource, attempts));
    await eventually(async () => expect(await states(ids)).toEqual({ RUNNING: 1, QUEUED: 11 }));
    const shown: unknown = await dataSource.query(
      "SELECT i.attempts FROM invocation i JOIN async_invocation a USING (id) WHERE a.state = 'RUNNING' ORDER BY 1",
    );
    expect(shown).toEqual([0, 0, 0, 1].map((count) => ({ attempts: count })));
    makeRoom();
    await eventually(async () => expect(await states(ids)).toEqual({ SUCCEEDED: 12 }));
  });

  it("runs each once, however many workers there are", async () => {
    const ids = await enqueue(300);
    const all = [start(() => ({})), start(() => ({})), start(() => ({}))];
    await eventually(async () => expect(await states(ids)).toEqual({ SUCCEEDED: 300 }), 20_000);
    const ran = all.flatMap(({ calls }) => calls.map(({ invocationId }) => invocationId));
    expect([ran.length, new Set(ran).size]).toEqual([300, 300]);
  });

  it("takes over from one that is gone, once its lease has run out", async () => {
    const [id = ""] = await enqueue(1, { functionId: newId() });
    const { functionId } = (
      await dataSource.query<{ functionId: string }[]>('SELECT function_id AS "functionId" FROM async_invocation')
    )[0] as { functionId: string };
    await new AsyncWorkRepository(dataSource).lease([{ functionId, count: 1 }], 300);
    start(() => ({}), { leaseMs: 300 });
    await eventually(async () => expect(await states([id])).toEqual({ SUCCEEDED: 1 }));
    expect(await row(id)).toEqual({ state: "SUCCEEDED", epoch: 2, attempts: 2 });
  });

  it("is done with one that ran out for the last time", async () => {
    const functionId = newId();
    const [id = ""] = await enqueue(1, { functionId, maxAttempts: 1 });
    await new AsyncWorkRepository(dataSource).lease([{ functionId, count: 1 }], 50);
    const attempts = start(() => ({}), { leaseMs: 100 });
    await eventually(async () => expect(await states([id])).toEqual({ DEAD: 1 }));
    expect(attempts.calls).toEqual([]);
  });

  it("keeps what takes longer than a lease", async () => {
    const [id = ""] = await enqueue(1);
    let finish = (): void => {};
    const leaseMs = 1_000;
    start(() => new Promise((resolve) => (finish = () => resolve({}))), { leaseMs });
    await eventually(async () => expect(await states([id])).toEqual({ RUNNING: 1 }));
    const other = start(() => ({}), { leaseMs });
    const leasedUntil = async (): Promise<number> => {
      const rows: { until: Date }[] = await dataSource.query(
        "SELECT lease_until AS until FROM async_invocation WHERE id = $1",
        [id],
      );
      return Number(rows[0]?.until);
    };
    const first = await leasedUntil();
    await eventually(async () => expect(await leasedUntil()).toBeGreaterThan(first + 2 * leaseMs));
    expect(other.calls).toEqual([]);
    finish();
    await eventually(async () => expect(await states([id])).toEqual({ SUCCEEDED: 1 }));
    expect((await row(id)).epoch).toBe(1);
  });

  it("breaks off what is no longer its own, and says nothing of it", async () => {
    const [id] = await enqueue(1);
    let reason: unknown;
    start((_, signal) => untilAborted(signal).catch((why: unknown) => ((reason = why), {})), { leaseMs: 300 });
    await eventually(async () => expect((await row(id)).state).toBe("RUNNING"));
    await dataSource.query("UPDATE async_invocation SET epoch = 7, lease_until = now() + interval '1 hour'");
    await eventually(() => expect(reason).toMatchObject({ code: "CONFLICT" }));
    expect(await row(id)).toEqual({ state: "RUNNING", epoch: 7, attempts: 1 });
  });

  it("looks at once whether something was called off, and renews what it has no oftener for that", async () => {
    const work = new AsyncWorkRepository(dataSource);
    let [looks, renewals] = [0, 0];
    const renew = work.renew.bind(work);
    work.renew = (...given) => (renewals++, renew(...given));
    const cancelled = async (): Promise<void> => {
      await delay(5);
      looks++;
    };
    const [id] = await enqueue(1);
    let reason: unknown;
    start((_, signal) => untilAborted(signal).catch((why: unknown) => ((reason = why), {})), { work, cancelled });
    await eventually(async () => expect((await row(id)).state).toBe("RUNNING"));
    const before = looks;
    await eventually(() => expect(looks).toBeGreaterThan(before + 10));
    expect(reason).toBeUndefined();
    expect(renewals).toBeLessThan(3);
    await dataSource.query("UPDATE async_invocation SET epoch = 7, lease_until = now() + interval '1 hour'");
    await eventually(() => expect(reason).toMatchObject({ code: "CONFLICT" }));
  });

  it("gives its leases back when it is stopped, after a while for what it has begun", async () => {
    const [id] = await enqueue(1, { maxAttempts: 5 });
    const attempts = start((_, signal) => untilAborted(signal));
    await eventually(() => expect(attempts.calls).toHaveLength(1));
    await workers[0]?.stop(50);
    expect(await row(id)).toEqual({ state: "QUEUED", epoch: 1, attempts: 1 });
    start(() => ({}));
    await eventually(async () => expect(await row(id)).toEqual({ state: "SUCCEEDED", epoch: 2, attempts: 2 }));
  });

  it("lets what it has begun finish when it is stopped", async () => {
    const [id] = await enqueue(1);
    let finish = (): void => {};
    const attempts = start(() => new Promise((resolve) => (finish = () => resolve({}))));
    await eventually(() => expect(attempts.calls).toHaveLength(1));
    const stopping = workers[0]?.stop(10_000);
    await enqueue(1);
    finish();
    await stopping;
    expect(await row(id)).toMatchObject({ state: "SUCCEEDED" });
    expect(attempts.calls).toHaveLength(1);
  });

  it("notes what became of an attempt although the store is away for a while, and says so meanwhile", async () => {
    const [id] = await enqueue(1);
    const store = new AsyncWorkRepository(dataSource);
    let failures = 3;
    const work: AsyncWork = {
      backlog: (...given) => store.backlog(...given),
      lease: (...given) => store.lease(...given),
      begun: (...given) => store.begun(...given),
      held: (...given) => store.held(...given),
      renew: (...given) => store.renew(...given),
      expired: (...given) => store.expired(...given),
      isLiving: (...given) => store.isLiving(...given),
      settle: (settlements) =>
        failures-- > 0 ? Promise.reject(new AppError("STORE_UNAVAILABLE", "It is away.")) : store.settle(settlements),
    };
    const attempts = start(() => ({}), { work });
    await eventually(() => expect(workers[0]?.check().ok).toBe(false));
    await eventually(async () => expect((await row(id)).state).toBe("SUCCEEDED"));
    expect(workers[0]?.check()).toMatchObject({ ok: true });
    expect(attempts.calls).toHaveLength(1);
  });

  it("notes few at a time whose requests are large, as word of their end repeats them", async () => {
    const body = Buffer.alloc(5 * 1024 * 1024, "x");
    const ids = await enqueue(2, { body, onFailure: { topic: "failures" } });
    const work = new AsyncWorkRepository(dataSource);
    const settle = work.settle.bind(work);
    const batches: number[] = [];
    work.settle = (settlements) => (batches.push(settlements.length), settle(settlements));
    let bothRun = (): void => {};
    const together = new Promise<void>((resolve) => (bothRun = resolve));
    const attempts = start(() => together.then(() => ({ status: 400 })), { work });
    await eventually(() => expect(attempts.calls).toHaveLength(2));
    bothRun();
    await eventually(async () => expect(await states(ids)).toEqual({ DEAD: 2 }));
    expect(batches).toEqual([1, 1]);
  });

  it("goes on where it can't note that something has begun, and says so unless the store is merely away", async () => {
    const refused = new Error("no such column");
    const errors: object[] = [];
    const logger = { ...silentLogger, error: (fields: object) => void errors.push(fields) };
    const failures = [new AppError("STORE_UNAVAILABLE", "It is away."), refused];
    for (const failure of failures) {
      const work = new AsyncWorkRepository(dataSource);
      work.begun = () => Promise.reject(failure);
      let finish = (): void => {};
      const [id = ""] = await enqueue(1);
      start(() => new Promise((resolve) => (finish = () => resolve({}))), { work, logger });
      await eventually(async () => expect((await row(id)).state).toBe("RUNNING"));
      if (failure === refused) await eventually(() => expect(errors).toHaveLength(1));
      finish();
      await eventually(async () => expect(await states([id])).toEqual({ SUCCEEDED: 1 }));
      await workers.pop()?.stop();
    }
    expect(errors).toMatchObject([{ err: refused, invocations: 1 }]);
  });

  it("keeps what it can of an answer that the store refuses", async () => {
    const [id] = await enqueue(1);
    const store = new AsyncWorkRepository(dataSource);
    const work = Object.assign(Object.create(store) as AsyncWorkRepository, {
      backlog: (...given: Parameters<AsyncWork["backlog"]>) => store.backlog(...given),
      lease: (...given: Parameters<AsyncWork["lease"]>) => store.lease(...given),
      begun: (...given: Parameters<AsyncWork["begun"]>) => store.begun(...given),
      renew: (...given: Parameters<AsyncWork["renew"]>) => store.renew(...given),
      expired: (...given: Parameters<AsyncWork["expired"]>) => store.expired(...given),
      settle: (...[settlements]: Parameters<AsyncWork["settle"]>) =>
        settlements.some(({ result }) => result != null)
          ? Promise.reject(new Error("bad value"))
          : store.settle(settlements),
    });
    start(() => ({}), { work });
    await eventually(async () => expect((await row(id)).state).toBe("SUCCEEDED"));
  });
});
