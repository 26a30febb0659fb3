import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { newId } from "../../src/lib/new-id.js";
import type { NewLogLine } from "../../src/model/log-line.js";
import type { LogFilter } from "../../src/model/record-filter.js";
import { LogLineRepository } from "../../src/store/repositories/log-line.repository.js";
import { insertFunction, logLine, recordDatabase, type RecordDatabase } from "./support/record-builders.js";

describe("LogLineRepository", () => {
  let database: RecordDatabase;
  let repository: LogLineRepository;
  let functionId: string;

  beforeAll(async () => {
    database = await recordDatabase();
    repository = new LogLineRepository(database.dataSource);
  });
  beforeEach(async () => {
    functionId = await insertFunction(database.dataSource);
  });
  afterAll(() => database.close());

  const store = (...lines: NewLogLine[]): Promise<unknown> => repository.write(lines, newId());
  const messages = async (filter: Partial<LogFilter>, first = 100): Promise<string[]> => {
    const page = await repository.list({ namespace: "default", functionId, ...filter }, { first });
    return page.edges.map(({ node }) => node.message);
  };
  const numbered = (count: number): NewLogLine[] =>
    Array.from({ length: count }, (_, index) => logLine({ functionId, message: `line ${index}` }));

  it("gives back every field, ids growing in the order of the batch", async () => {
    const full = logLine({ functionId, stream: "STDERR", invocationId: newId(), message: "äöü\ttext" });
    const system = logLine({ functionId, stream: "SYSTEM", functionVersion: null, at: new Date(0) });
    await store(full, system);
    const { edges } = await repository.list({ namespace: "default", functionId }, { first: 5 });
    expect(edges.map(({ node: { id: _id, ...line } }) => line)).toEqual([full, system]);
    expect(Number(edges[1]?.node.id)).toBeGreaterThan(Number(edges[0]?.node.id));
  });

  it("tells up to when an instance's output is kept", async () => {
    const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds));
    await store(
      logLine({ functionId, instance: "old", at: at(1) }),
      logLine({ functionId, instance: "busy", at: at(2) }),
      logLine({ functionId, instance: "busy", at: at(4) }),
      logLine({ functionId, instance: "busy", at: at(9), stream: "SYSTEM" }),
    );
    const among = async (newest: number) => {
      const lastKept = await repository.lastKept(newest);
      return ["old", "busy", "new"].map((instance) => lastKept(instance));
    };
    expect(await among(1_000)).toEqual([at(1), at(4), undefined]);
    // Only the newest are looked at: what is older is kept in any case.
    expect(await among(3)).toEqual([at(2), at(4), at(2)]);
  });

  it("replaces what Postgres can't keep", async () => {
    await store(logLine({ functionId, message: "nul \0, half \udc00, a\\u0000 as text" }));
    expect(await messages({})).toEqual(["nul \ufffd, half \ufffd, a\\u0000 as text"]);
  });

  it("looks for a text in very many lines, and says what to do where they are too many", async () => {
    const many = `INSERT INTO log_line (seq, at, stream, message, function_id, namespace, instance)
      SELECT nextval('log_line_seq'), now(), 'STDOUT', 'line ' || n || repeat(' and so on', 50), $1, 'many', 'i'
      FROM generate_series(1, 100000) AS n`;
    await database.dataSource.query(many, [functionId]);
    const [found, none] = [
      { namespace: "many", contains: "line 77777 " },
      { namespace: "many", contains: "not there" },
    ];
    const page = await repository.list(found, { last: 5 });
    expect(page.edges.map(({ node }) => node.message.slice(0, 10))).toEqual(["line 77777"]);
    expect((await repository.list(none, { first: 5 })).edges).toEqual([]);
    const hasty = new LogLineRepository(database.dataSource, 1);
    const [stream, since] = ["SYSTEM" as const, new Date(Date.now() + 60_000)];
    for (const filter of [none, { namespace: "many", stream }, { namespace: "many", since }]) {
      await expect(hasty.list(filter, { last: 5 })).rejects.toMatchObject({
        code: "BAD_USER_INPUT",
        field: "filter",
        message: expect.stringMatching(
          /0\.001 s were not enough: narrow it by function, invocationId or since, or read/,
        ),
      });
    }
    expect((await hasty.list({ namespace: "many" }, { last: 1 })).edges).toHaveLength(1);
    expect((await repository.list(none, { first: 5 })).edges).toEqual([]);
  });

  it("filters by namespace, function, invocation, stream and time", async () => {
    const invocationId = newId();
    const other = await insertFunction(database.dataSource, "other");
    await store(
      logLine({ functionId, message: "old", at: new Date(1_000) }),
      logLine({ functionId, message: "tied", invocationId }),
      logLine({ functionId, message: "err", stream: "STDERR" }),
      logLine({ functionId: other, message: "elsewhere" }),
    );
    expect(await messages({})).toEqual(["old", "tied", "err"]);
    expect(await messages({ invocationId })).toEqual(["tied"]);
    expect(await messages({ stream: "STDERR" })).toEqual(["err"]);
    expect(await messages({ since: new Date(2_000) })).toEqual(["tied", "err"]);
    expect(await messages({ namespace: "other" })).toEqual([]);
    expect(await messages({ namespace: "other", functionId: undefined })).toEqual(["elsewhere"]);
    expect(await messages({ functionId: newId() })).toEqual([]);
    expect(await messages({ invocationId: "no id" })).toEqual([]);
  });

  it.each(["100%", "a_b", "back\\slash", "(paren", "'quote'", "*"])("finds %j as it stands", async (text) => {
    await store(logLine({ functionId, message: `<${text}>` }), logLine({ functionId, message: "100 aXb nothing" }));
    expect(await messages({ contains: text })).toEqual([`<${text}>`]);
  });

  it("tells upper from lower case when it looks for a text", async () => {
    await store(logLine({ functionId, message: "Error" }));
    expect(await messages({ contains: "error" })).toEqual([]);
  });

  it("pages from the oldest, and from the newest back, oldest first in each page", async () => {
    await store(...numbered(7));
    const filter = { namespace: "default", functionId };
    const first = await repository.list(filter, { first: 3 });
    expect(first.edges.map(({ node }) => node.message)).toEqual(["line 0", "line 1", "line 2"]);
    expect(first).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const second = await repository.list(filter, { first: 10, after: first.edges[2]?.cursor });
    expect(second.edges.map(({ node }) => node.message)).toEqual(["line 3", "line 4", "line 5", "line 6"]);
    expect(second).toMatchObject({ hasNextPage: false, hasPreviousPage: true });

    const tail = await repository.list(filter, { last: 2 });
    expect(tail.edges.map(({ node }) => node.message)).toEqual(["line 5", "line 6"]);
    expect(tail).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const before = await repository.list(filter, { last: 10, before: tail.edges[0]?.cursor });
    expect(before.edges.map(({ node }) => node.message)).toEqual(["line 0", "line 1", "line 2", "line 3", "line 4"]);
    expect(before).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
  });

  it.each(["", "bm9uc2Vuc2U", "WzFd", Buffer.from('["1 OR 1=1"]').toString("base64url")])(
    "refuses %j as a cursor",
    async (cursor) => {
      const page = repository.list({ namespace: "default" }, { last: 1, before: cursor });
      await expect(page).rejects.toMatchObject({ code: "BAD_USER_INPUT", field: "before" });
    },
  );

  it("gives each invocation its own page in one statement, and only lines of its function", async () => {
    const [one, two, forged] = [newId(), newId(), newId()];
    const other = await insertFunction(database.dataSource);
    await store(
      logLine({ functionId, invocationId: one, message: "1a" }),
      logLine({ functionId, invocationId: two, message: "2a" }),
      logLine({ functionId, invocationId: one, message: "1b" }),
      logLine({ functionId, invocationId: one, message: "1c" }),
      logLine({ functionId: other, invocationId: forged, message: "not of this function" }),
    );
    const wanted = [one, two, forged, newId()].map((id) => ({ id, functionId }));
    const pages = await repository.ofInvocations(wanted, { first: 2 });
    expect([...pages.values()].map(({ edges }) => edges.map(({ node }) => node.message))).toEqual([
      ["1a", "1b"],
      ["2a"],
      [],
      [],
    ]);
    expect([...pages.values()].map(({ hasNextPage }) => hasNextPage)).toEqual([true, false, false, false]);
  });

  it("stores a batch once, however often it comes", async () => {
    const id = newId();
    await Promise.all([repository.write(numbered(2), id), repository.write(numbered(2), id)]);
    await repository.write(numbered(2), id);
    expect(await messages({})).toEqual(["line 0", "line 1"]);
  });

  it("leaves out lines of a function that does not exist, and keeps the others", async () => {
    await store(logLine({ functionId: newId(), message: "lost" }), logLine({ functionId, message: "kept" }));
    expect(await messages({})).toEqual(["kept"]);
  });

  it("counts what the lines of a day take", async () => {
    const volume = async (): Promise<{ lines: number; bytes: number }> => {
      const rows: { lines: string; bytes: string }[] = await database.dataSource.query(
        "SELECT lines, bytes FROM log_volume WHERE day = '2031-02-03'",
      );
      return { lines: Number(rows[0]?.lines ?? 0), bytes: Number(rows[0]?.bytes ?? 0) };
    };
    const at = new Date("2031-02-03T23:59:59.999Z");
    await store(logLine({ functionId, at, message: "ää" }));
    const one = await volume();
    await store(logLine({ functionId, at, message: "ää" }), logLine({ functionId, at, message: "ää" }));
    expect(one).toMatchObject({ lines: 1 });
    expect(one.bytes).toBeGreaterThan(4);
    expect(await volume()).toEqual({ lines: 3, bytes: one.bytes * 3 });
  });

  it("refuses a batch whose data is at fault, whole", async () => {
    const bad = logLine({ functionId, invocationId: "no uuid" });
    expect(await repository.write([...numbered(1), bad], newId())).toBe("REFUSED");
    expect(await messages({})).toEqual([]);
  });
});
