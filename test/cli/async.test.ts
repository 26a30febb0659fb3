import { describe, expect, it } from "@jest/globals";
import { invocationNode, page, refuse } from "./fake-api.js";
import { fermi, throws } from "./run-fermi.js";

const queued = invocationNode({ status: "QUEUED", attempts: 0, finishedAt: null, result: null });

describe("fermi function invoke --async", () => {
  const enqueues = { enqueueInvocation: () => queued };

  it("stores the request, and says how to follow it", async () => {
    const line =
      "function invoke hi --async --body x --key k --delay 5 --max-attempts 7 --on-success good --on-failure topic:bad -n shop";
    const { api, stdout } = await fermi(line, enqueues);
    expect(api.requests.at(-1)?.variables).toEqual({
      input: {
        ...{ namespace: "shop", function: "hi", method: "POST", path: "/", body: "x" },
        ...{ idempotencyKey: "k", delaySeconds: 5, maxAttempts: 7 },
        ...{ onSuccess: { function: "good" }, onFailure: { topic: "bad" } },
      },
    });
    expect(stdout).toBe("invocation i1 is queued; `fermi invocation watch i1` follows it\n");
  });

  it("speaks of flags where something is wrong with them", async () => {
    const message = "delaySeconds must be a whole number from 0 to 86400.";
    const refuses = { enqueueInvocation: throws("BAD_USER_INPUT", message, "delaySeconds") };
    const { exitCode, stderr } = await fermi("function invoke hi --async --delay 99999", refuses);
    expect([exitCode, stderr]).toEqual([1, "fermi: --delay must be a whole number from 0 to 86400"]);
  });

  it("demands --async for what makes sense with it only", async () => {
    const { exitCode, stderr } = await fermi("function invoke hi --delay 5", {});
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("need --async")]);
  });
});

describe("fermi invocation watch", () => {
  it("prints each change until the end", async () => {
    const states = [
      queued,
      queued,
      invocationNode({ status: "RUNNING", attempts: 1 }),
      invocationNode({ status: "QUEUED", attempts: 1, error: "The function answered 500." }),
      invocationNode({ status: "SUCCEEDED", attempts: 2 }),
    ];
    const { stdout, exitCode } = await fermi("invocation watch i1", { invocation: () => states.shift() });
    expect(exitCode).toBe(0);
    expect(stdout.split("\n").map((line) => line.trim())).toEqual([
      "QUEUED",
      "RUNNING    attempt 1",
      "QUEUED     attempt 1  The function answered 500.",
      "SUCCEEDED  attempt 2",
      "",
    ]);
  });

  it("ends badly where the invocation does, or there is none", async () => {
    const dead = invocationNode({ status: "DEAD", error: "The function answered 500." });
    const { exitCode, stderr } = await fermi("invocation watch i1", { invocation: () => dead });
    expect([exitCode, stderr]).toEqual([1, "fermi: invocation i1 is DEAD: The function answered 500"]);
    const none = await fermi("invocation watch i1", { invocation: () => null });
    expect([none.exitCode, none.stderr]).toEqual([1, expect.stringContaining("no invocation i1")]);
  });
});

describe("fermi invocation cancel", () => {
  it("calls one off", async () => {
    const { stdout } = await fermi("invocation cancel i1", { cancelInvocation: () => queued });
    expect(stdout).toBe("invocation i1 is called off\n");
  });

  it("says why it can't", async () => {
    const message = "This invocation is SUCCEEDED: only one that is QUEUED or RUNNING can be called off.";
    const refuses = { cancelInvocation: throws("CONFLICT", message, "id") };
    const { exitCode, stderr } = await fermi("invocation cancel i1", refuses);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("This invocation is SUCCEEDED")]);
  });
});

describe("fermi invocation redrive", () => {
  it("runs one again", async () => {
    const { stdout } = await fermi("invocation redrive i1", { redriveInvocation: () => queued });
    expect(stdout).toBe("invocation i1 runs again\n");
  });

  it("runs all again that match, each once, also where they die again at once", async () => {
    const begin = Date.parse("2026-01-01T00:00:00Z");
    // Three of a millisecond, oldest first.
    const dead = Array.from({ length: 2_500 }, (_, at) => {
      return { acceptedAt: new Date(begin + Math.floor(at / 3)).toISOString(), runs: 0 };
    });
    interface Filter {
      readonly since?: string;
      readonly until: string;
    }
    const matching = ({ since = "", until }: Filter) =>
      dead.filter(({ acceptedAt }) => acceptedAt >= since && acceptedAt <= until);
    const filters: object[] = [];
    const { stdout } = await fermi("invocation redrive --function f --status dead -n shop", {
      invocations: ({ filter, ...range }: { filter: Filter; first: number }) =>
        page(matching(filter).reverse().map(invocationNode), range),
      redriveInvocations: ({ filter, limit }: { filter: Filter; limit: number }) => {
        if (filters.push(filter) > 9) throw refuse("INTERNAL", "That is enough.");
        const chosen = matching(filter).slice(0, limit);
        for (const one of chosen) one.runs += 1;
        return { count: chosen.length, hasMore: chosen.length === limit };
      },
    });
    expect(stdout).toBe("2500 invocations run again\n");
    expect(dead.filter(({ runs }) => runs !== 1)).toEqual([]);
    expect(filters).toHaveLength(3);
    expect(filters[0]).toMatchObject({ namespace: "shop", function: "f", status: ["DEAD"] });
  });

  it("runs those again that a trigger called, and none where none is dead", async () => {
    const trigger = "019a0000-0000-7000-8000-000000000000";
    const fields = {
      invocations: (args: never) => page([invocationNode({ status: "DEAD" })], args),
      redriveInvocations: () => ({ count: 1, hasMore: false }),
    };
    const { stdout, api } = await fermi(`invocation redrive --trigger ${trigger}`, fields);
    expect(stdout).toBe("1 invocation runs again\n");
    const accepted = "2030-01-01T00:00:00.000Z";
    expect(api.requests.map(({ variables }) => variables["filter"])).toEqual([
      { trigger, status: ["DEAD"], until: expect.any(String) },
      { trigger, status: ["DEAD"], since: accepted, until: accepted },
    ]);
    const none = await fermi(`invocation redrive --status DEAD`, { invocations: (args: never) => page([], args) });
    expect(none.stdout).toBe("0 invocations run again\n");
  });

  it("refuses a time whose unit was forgotten, and what is no status of dead ones", async () => {
    for (const since of ["10", "2030-01-31", "yesterday", "10w", "2030-01-31T12:00:00", "2030-02-30T12:00:00Z"]) {
      const { exitCode, stderr, api } = await fermi(`invocation redrive --function f --since ${since}`, {});
      expect([exitCode, stderr, api.requests]).toEqual([
        2,
        `fermi: ${since} is no time: it is 30s, 10m, 2h or 7d ago, or as in 2030-01-31T12:00:00Z`,
        [],
      ]);
    }
    expect(await fermi("invocation redrive --status failed", {})).toMatchObject({ exitCode: 2 });
  });

  it("refuses an id along with what would choose others", async () => {
    const { exitCode, stderr, api } = await fermi("invocation redrive i1 --function p --since 5m --until 1m", {});
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringContaining("an id says which; it can't be given along with --function, --since, --until"),
    ]);
    expect(api.requests).toEqual([]);
  });

  it("demands to be told which", async () => {
    expect(await fermi("invocation redrive", {})).toMatchObject({ exitCode: 2 });
  });
});
