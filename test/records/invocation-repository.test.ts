import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { newId } from "../../src/lib/new-id.js";
import type { Invocation } from "../../src/model/invocation.js";
import type { InvocationFilter } from "../../src/model/record-filter.js";
import { InvocationRepository } from "../../src/store/repositories/invocation.repository.js";
import { invocation, recordDatabase, type RecordDatabase } from "./support/record-builders.js";

describe("InvocationRepository", () => {
  let database: RecordDatabase;
  let repository: InvocationRepository;

  beforeAll(async () => {
    database = await recordDatabase();
    repository = new InvocationRepository(database.dataSource);
  });
  afterAll(() => database.close());

  const store = (...invocations: Invocation[]): Promise<unknown> =>
    repository.write(
      { records: invocations.map((one) => ({ invocation: one, namespace: "default" })), counts: [] },
      newId(),
    );
  const list = async (filter: InvocationFilter, first = 100): Promise<string[]> =>
    (await repository.list(filter, { first })).edges.map(({ node }) => node.id);

  it("gives back every field as it was written", async () => {
    const full = invocation({
      triggerId: newId(),
      status: "TIMED_OUT",
      httpStatus: 504,
      error: "took too long",
      coldStart: true,
      durationMs: 60_000.125,
      requestBytes: 3_000_000_000,
    });
    const empty = invocation({
      status: "CANCELLED",
      httpStatus: null,
      durationMs: null,
      waitMs: null,
      instance: null,
      finishedAt: null,
    });
    await store(full, empty);
    expect(await repository.find(full.id)).toEqual(full);
    expect(await repository.find(empty.id)).toEqual(empty);
  });

  it("finds nothing for an id that is unknown, no UUID of version 7, or no UUID at all", async () => {
    for (const id of [newId(), "c56a4180-65aa-42ec-a945-5fd21dec0538", "nonsense", ""]) {
      expect(await repository.find(id)).toBeUndefined();
    }
  });

  it("finds an id that does not tell its time", async () => {
    const old = invocation({
      id: "c56a4180-65aa-42ec-a945-5fd21dec0538",
      acceptedAt: new Date("2020-01-01T00:00:00Z"),
    });
    await store(old);
    expect(await repository.find(old.id)).toEqual(old);
  });

  it("keeps text that Postgres can't", async () => {
    const odd = invocation({ path: "/a\0b", error: "half a pair: \ud800." });
    await store(odd);
    expect(await repository.find(odd.id)).toMatchObject({ path: "/a\ufffdb", error: "half a pair: \ufffd." });
  });

  it("finds nothing of a function whose id is none", async () => {
    expect(await list({ functionId: "' OR true" })).toEqual([]);
  });

  it("filters by function, namespace, status, source and time", async () => {
    const functionId = newId();
    const at = (minute: number): Date => new Date(Date.UTC(2026, 5, 1, 12, minute));
    const ok = invocation({ functionId, acceptedAt: at(1) });
    const failed = invocation({ functionId, acceptedAt: at(2), status: "FAILED" });
    const late = invocation({ functionId, acceptedAt: at(3), status: "TIMED_OUT" });
    const asked = invocation({ functionId, acceptedAt: at(4), source: "GRAPHQL" });
    await store(ok, failed, late, asked);
    const ids = (...which: Invocation[]): string[] => which.map(({ id }) => id);
    expect(await list({ functionId })).toEqual(ids(asked, late, failed, ok));
    expect(await list({ functionId, namespace: "default" })).toHaveLength(4);
    expect(await list({ functionId, namespace: "other" })).toEqual([]);
    expect(await list({ functionId, statuses: ["FAILED", "TIMED_OUT"] })).toEqual(ids(late, failed));
    expect(await list({ functionId, statuses: ["SUCCEEDED", "FAILED"] })).toEqual(ids(asked, failed, ok));
    expect(await list({ functionId, statuses: [] })).toHaveLength(4);
    expect(await list({ functionId, source: "GRAPHQL" })).toEqual(ids(asked));
    expect(await list({ functionId, source: "HTTP" })).toEqual(ids(late, failed, ok));
    expect(await list({ functionId, since: at(2), until: at(3) })).toEqual(ids(late, failed));
  });

  it("pages newest first, both ways, without a gap or a repeat among equal times", async () => {
    const functionId = newId();
    const acceptedAt = new Date();
    const all = Array.from({ length: 7 }, () => invocation({ functionId, acceptedAt }));
    await store(...all);
    const newestFirst = all.map(({ id }) => id).reverse();

    const seen: string[] = [];
    let after: string | undefined;
    for (let page = 0; page < 3; page++) {
      const { edges, hasNextPage, hasPreviousPage } = await repository.list({ functionId }, { first: 3, after });
      seen.push(...edges.map(({ node }) => node.id));
      after = edges.at(-1)?.cursor;
      expect({ hasNextPage, hasPreviousPage }).toEqual({ hasNextPage: page < 2, hasPreviousPage: page > 0 });
    }
    expect(seen).toEqual(newestFirst);

    const back = await repository.list({ functionId }, { last: 3, before: after });
    expect(back.edges.map(({ node }) => node.id)).toEqual(newestFirst.slice(3, 6));
    expect(back).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
  });

  it("goes on from a cursor as if nothing had been stored since", async () => {
    const functionId = newId();
    const [old, older] = [invocation({ functionId }), invocation({ functionId, acceptedAt: new Date(0) })];
    await store(old, older);
    const { edges } = await repository.list({ functionId }, { first: 1 });
    await store(invocation({ functionId }));
    const next = await repository.list({ functionId }, { first: 5, after: edges[0]?.cursor });
    expect(next.edges.map(({ node }) => node.id)).toEqual([older.id]);
  });

  it.each(["", "!", "e30", "WyJ4Il0", Buffer.from('["2026-01-01T00:00:00Z","x"]').toString("base64url")])(
    "refuses %j as a cursor, naming the argument",
    async (cursor) => {
      const page = repository.list({}, { first: 1, after: cursor });
      await expect(page).rejects.toMatchObject({ code: "BAD_USER_INPUT", field: "after" });
      const back = repository.list({}, { last: 1, before: cursor });
      await expect(back).rejects.toMatchObject({ code: "BAD_USER_INPUT", field: "before" });
    },
  );

  it("gives each function its own page in one statement", async () => {
    const [one, two, none] = [newId(), newId(), newId()];
    const ofOne = Array.from({ length: 3 }, () => invocation({ functionId: one }));
    const ofTwo = invocation({ functionId: two, status: "FAILED" });
    await store(...ofOne, ofTwo);
    const pages = await repository.ofFunctions([one, two, none, one], {}, { first: 2 });
    const idsOf = (id: string): string[] | undefined => pages.get(id)?.edges.map(({ node }) => node.id);
    expect(idsOf(one)).toEqual([ofOne[2]?.id, ofOne[1]?.id]);
    expect(idsOf(two)).toEqual([ofTwo.id]);
    expect(pages.get(none)).toEqual({ edges: [], hasNextPage: false, hasPreviousPage: false });
    expect([pages.get(one)?.hasNextPage, pages.get(two)?.hasNextPage]).toEqual([true, false]);
    const failed = await repository.ofFunctions([one, two], { statuses: ["FAILED"] }, { first: 2 });
    expect(failed.get(one)?.edges).toEqual([]);
    expect(failed.get(two)?.edges).toHaveLength(1);
  });

  it("stores a batch once, however often it comes", async () => {
    const functionId = newId();
    const one = invocation({ functionId });
    const histogram = [0, 1];
    const counts = [{ functionId, from: new Date(0), total: 1, failed: 0, coldStarts: 0, histogram }];
    const batch = { records: [{ invocation: one, namespace: "default" }], counts };
    const id = newId();
    expect(await Promise.all([repository.write(batch, id), repository.write(batch, id)])).toEqual([
      "WRITTEN",
      "WRITTEN",
    ]);
    expect(await list({ functionId })).toEqual([one.id]);
    const rows: unknown[] = await database.dataSource.query(
      "SELECT total, span_seconds FROM invocation_stats WHERE function_id = $1 ORDER BY span_seconds",
      [functionId],
    );
    expect(rows).toEqual([
      { total: "1", span_seconds: 10 },
      { total: "1", span_seconds: 3600 },
    ]);
  });

  it("stores an invocation once that comes in two batches", async () => {
    const one = invocation();
    await store(one);
    await store(one);
    expect(await list({ functionId: one.functionId })).toEqual([one.id]);
  });

  it("refuses a batch whose data is at fault, whole", async () => {
    const functionId = newId();
    const bad = invocation({ functionId, triggerId: "no uuid" });
    const records = [invocation({ functionId }), bad].map((one) => ({ invocation: one, namespace: "default" }));
    expect(await repository.write({ records, counts: [] }, newId())).toBe("REFUSED");
    expect(await list({ functionId })).toEqual([]);
  });

  /** How the server would read the first page, were the table large. */
  const planOf = async (filter: InvocationFilter): Promise<string> => {
    const statements: string[] = [];
    const explaining = {
      query: async (sql: string, parameters: unknown[]) => {
        const runner = database.dataSource.createQueryRunner();
        // The table is tiny, so the planner has to be told that it would not be.
        await runner.query("SET enable_seqscan = off; SET enable_bitmapscan = off");
        const plan: { "QUERY PLAN": string }[] = await runner.query(`EXPLAIN ${sql}`, parameters);
        await runner.query("RESET ALL");
        await runner.release();
        statements.push(plan.map((row) => row["QUERY PLAN"]).join("\n"));
        return [];
      },
    };
    await new InvocationRepository(explaining as never).list(filter, { first: 10 });
    return statements[0] ?? "";
  };

  it.each<[string, InvocationFilter]>([
    ["of a function", { functionId: newId() }],
    ["of a namespace", { namespace: "default" }],
    ["of all", {}],
    ["that failed", { statuses: ["FAILED", "TIMED_OUT"] }],
    ["of a function that failed", { functionId: newId(), statuses: ["FAILED"] }],
    ["by source", { source: "GRAPHQL" }],
    ["of a trigger", { triggerId: newId() }],
    ["of a function by source", { functionId: newId(), source: "TIME" }],
  ])("reads those %s in the order of an index", async (_, filter) => {
    const plan = await planOf(filter);
    expect(plan).toMatch(/Index Scan/);
    expect(plan).not.toMatch(/Seq Scan|Sort/);
  });

  it("finds the few of a rare status without reading the many that failed", async () => {
    const many = Array.from({ length: 2_000 }, () => invocation({ status: "FAILED" }));
    await store(...many, invocation({ status: "CANCELLED" }));
    await database.dataSource.query("ANALYZE invocation");
    const plan = await planOf({ statuses: ["CANCELLED"] });
    expect(plan).toMatch(/Index Cond: \(status = 'CANCELLED'/);
    expect(plan).not.toMatch(/Seq Scan|Sort/);
    expect(await planOf({ statuses: ["CANCELLED", "DEAD"] })).toMatch(/Index Cond: \(status = ANY/);
  });
});
