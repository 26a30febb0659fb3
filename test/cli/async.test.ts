import { describe, expect, it } from "@jest/globals";
import { invocationNode } from "./fake-api.js";
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

  it("runs all again that match, as many times as it takes", async () => {
    const answers = [
      { count: 1000, hasMore: true },
      { count: 2, hasMore: false },
    ];
    const redrives = { redriveInvocations: () => answers.shift() };
    const { stdout, api } = await fermi("invocation redrive --function f --status dead -n shop", redrives);
    expect(stdout).toBe("1002 invocations run again\n");
    expect(api.requests.at(-1)?.variables).toEqual({
      filter: { namespace: "shop", function: "f", status: ["DEAD"], until: expect.any(String) },
    });
  });

  it("runs those again that a trigger called", async () => {
    const id = "019a0000-0000-7000-8000-000000000000";
    const redrives = { redriveInvocations: () => ({ count: 1, hasMore: false }) };
    const { stdout, api } = await fermi(`invocation redrive --trigger ${id}`, redrives);
    expect(stdout).toBe("1 invocation runs again\n");
    expect(api.requests.at(-1)?.variables["filter"]).toEqual({
      ...{ trigger: id, status: ["DEAD"], until: expect.any(String) },
    });
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
