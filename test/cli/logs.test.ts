import { describe, expect, it } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { functionNode, logNode, refuse } from "./fake-api.js";
import { fermi, throws } from "./run-fermi.js";

interface LogArgs {
  readonly last: number;
  readonly before: string | null;
  readonly first?: number | null;
  readonly after?: string | null;
}

const lines = Array.from({ length: 450 }, (_, at) => logNode(at + 1));

/** The newest lines, read backwards, or those after a cursor; cursors are positions. */
function tailOf(all: readonly object[], { last, before, first, after }: LogArgs): object {
  if (first != null) {
    const from = Number(after ?? 0);
    const to = Math.min(all.length, from + first);
    const pageInfo = { hasNextPage: to < all.length, hasPreviousPage: false, startCursor: null, endCursor: String(to) };
    return { nodes: all.slice(from, to), edges: [], pageInfo };
  }
  const end = before === null ? all.length : Number(before);
  const start = Math.max(0, end - last);
  const pageInfo = {
    hasNextPage: false,
    hasPreviousPage: start > 0,
    startCursor: String(start),
    endCursor: String(end),
  };
  return { nodes: all.slice(start, end), edges: [], pageInfo };
}

const rootFields = { function: () => functionNode(), logs: (args: LogArgs) => tailOf(lines, args) };

describe("fermi function logs", () => {
  it("prints the last hundred lines, oldest first", async () => {
    const { exitCode, stdout } = await fermi("function logs hi", rootFields);
    const printed = stdout.trimEnd().split("\n");
    expect(exitCode).toBe(0);
    expect(printed).toHaveLength(100);
    expect(printed[0]).toBe("2030-01-01T00:00:00.000Z  stdout  line 351");
    expect(printed.at(-1)).toContain("line 450");
  });

  it("reads further back than one page", async () => {
    const { stdout, api } = await fermi("fn logs hi --tail 420", rootFields);
    expect(stdout.trimEnd().split("\n")).toHaveLength(420);
    expect(stdout).toMatch(/^.*line 31\n/);
    expect(api.requests.map(({ variables }) => variables["last"])).toEqual([200, 200, 20]);
  });

  it("stops at the first line there is", async () => {
    const { stdout } = await fermi("fn logs hi --tail 9999", rootFields);
    expect(stdout.trimEnd().split("\n")).toHaveLength(450);
  });

  it("asks for what the flags say", async () => {
    const { api } = await fermi("fn logs hi -n team --invocation i7 --since 2030-01-01T00:00:00Z", rootFields);
    expect(api.requests[0]?.variables["filter"]).toEqual({
      namespace: "team",
      function: "hi",
      invocationId: "i7",
      since: "2030-01-01T00:00:00.000Z",
    });
  });

  it("is one JSON object a line, or one YAML document each, for programs", async () => {
    const json = await fermi("fn logs hi --tail 2 -o json", rootFields);
    expect(
      json.stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).id),
    ).toEqual(["l449", "l450"]);
    const yaml = await fermi("fn logs hi --tail 2 -o yaml", rootFields);
    expect(parseAllDocuments(yaml.stdout)).toHaveLength(2);
  });

  it("has nothing to print for a function that has printed nothing", async () => {
    const quiet = { function: () => functionNode(), logs: (args: LogArgs) => tailOf([], args) };
    expect(await fermi("fn logs hi", quiet)).toMatchObject({ exitCode: 0, stdout: "", stderr: "no lines of hi yet" });
    expect((await fermi("fn logs hi --since 10m", quiet)).stderr).toBe("no lines of hi that match");
    expect(await fermi("fn logs hi -o json", quiet)).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
  });

  it("refuses a function of which nothing is known, following or not", async () => {
    const unknown = { function: () => null, logs: (args: LogArgs) => tailOf([], args) };
    for (const line of ["fn logs gone", "fn logs gone -f"]) {
      const { exitCode, stderr } = await fermi(line, unknown);
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining("no function gone") });
    }
  });

  it("says where to look when the server knows no such function", async () => {
    const refusing = { ...rootFields, logs: throws("NOT_FOUND", "There is no such function.", "filter.function") };
    const { exitCode, stderr } = await fermi("fn logs gone -n team", refusing);
    expect(exitCode).toBe(1);
    expect(stderr).toBe("fermi: There is no such function; `fermi function list -n team` shows those there are");
  });

  it("still has the lines of a function that is deleted", async () => {
    expect((await fermi("fn logs hi --tail 1", { ...rootFields, function: () => null })).stdout).toContain("line 450");
  });
});

/** Root fields whose subscription yields these lines and then goes on as told. */
const live = (subscription: (args: { tail: number }) => AsyncGenerator<object>) => ({
  function: () => functionNode(),
  logs: (args: LogArgs & { tail?: number }) =>
    args.tail === undefined ? tailOf(lines, args) : subscription(args as { tail: number }),
});

const numbersIn = (stdout: string): number[] =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => Number(/line (\d+)$/.exec(line)?.[1]));

const never = new Promise<never>(() => {});

describe("fermi function logs -f", () => {
  it("prints the tail and what comes, until Ctrl-C, which ends it with 0", async () => {
    const interrupt = new AbortController();
    const fields = live(async function* ({ tail }) {
      yield { logs: logNode(tail) };
      yield { logs: logNode(tail + 1) };
      await never;
    });
    const { exitCode, stdout, stderr } = await fermi("fn logs hi -f --tail 7", fields, {
      interrupt: interrupt.signal,
      onWrite: (text) => {
        if (text.includes("line 8")) interrupt.abort();
      },
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/line 7\n.*line 8\n$/);
  });

  it("reads what is older than a subscription's tail first, and prints no line twice", async () => {
    const tails: number[] = [];
    const fields = live(async function* ({ tail }) {
      tails.push(tail);
      for (const line of [...lines.slice(-tail), logNode(451)]) yield { logs: line };
    });
    const { stdout } = await fermi("fn logs hi -f --tail 300", fields);
    expect(tails).toEqual([200]);
    expect(numbersIn(stdout)).toEqual(Array.from({ length: 301 }, (_, at) => 151 + at));
  });

  it("misses no line that is printed between the two, however many there are", async () => {
    const all = [...lines];
    const fields = {
      function: () => functionNode(),
      logs: (args: LogArgs & { tail?: number }) => (args.tail === undefined ? tailOf(all, args) : meanwhile(args.tail)),
    };
    async function* meanwhile(tail: number): AsyncGenerator<object> {
      for (let at = 451; at <= 1_000; at++) all.push(logNode(at));
      for (const line of all.slice(-tail)) yield { logs: line };
    }
    const { stdout } = await fermi("fn logs hi -f --tail 300", fields);
    expect(numbersIn(stdout)).toEqual(Array.from({ length: 850 }, (_, at) => 151 + at));
  });

  it("takes the token along", async () => {
    const fields = live(async function* () {
      yield { logs: logNode(1) };
    });
    const { api } = await fermi("fn logs hi --follow --token secret-of-the-server", fields);
    expect(api.connections).toEqual([{ Authorization: "Bearer secret-of-the-server" }]);
  });

  it("ends with 1 where the server refuses", async () => {
    const refused = live(async function* () {
      throw refuse("FORBIDDEN", "Not yours.");
    });
    expect(await fermi("fn logs hi -f", refused)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("Not yours"),
    });
    const fields = { ...rootFields, function: throws("FORBIDDEN", "Not yours.") };
    expect(await fermi("fn logs hi -f", fields)).toMatchObject({ exitCode: 1 });
  });

  it("ends with 3 and the reason where the server closes the connection", async () => {
    const api: { close?: () => void } = {};
    const fields = live(async function* () {
      yield { logs: logNode(1) };
      await never;
    });
    const { exitCode, stderr } = await fermi("fn logs hi -f", fields, {
      onApi: ({ closeSockets }) => (api.close = () => closeSockets(4408, "too slow: 10000 lines behind")),
      onWrite: () => api.close?.(),
    });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 3,
      stderr: "fermi: the server closed the connection: too slow: 10000 lines behind",
    });
  });
});
