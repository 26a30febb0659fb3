/** Timers of an installation whose processes are killed. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { eventually } from "../support/harness.js";
import { Installation } from "./support/installation.js";

const source = `module.exports = async (context) => {
  console.log(context.request.headers["x-fermi-scheduled-at"]);
  return { status: 200, body: "" };
};`;

describe("timers of several processes", () => {
  let fermi: Installation;
  beforeAll(async () => {
    fermi = await Installation.start({ counts: { router: 1, poolmgr: 1, triggers: 2 } });
    await fermi.ok(
      `mutation ($source: String!) {
        createEnvironment(input: {name: "node", image: "fermi/nodejs"}) { id }
        createFunction(input: {name: "tick", environment: "node", source: $source, settings: {minInstances: 1, requestsPerInstance: 10}}) { id }
        each: createTimeTrigger(input: {name: "each", function: "tick", schedule: "* * * * * *"}) { id }
      }`,
      { source },
    );
  }, 90_000);
  afterAll(() => fermi.stop(), 60_000);

  /** The due times that the function was told. */
  const told = async (): Promise<string[]> => {
    const { logs } = await fermi.ok<{ logs: { nodes: { message: string }[] } }>(
      `{ logs(filter: {function: "tick", stream: STDOUT}, last: 200) { nodes { message } } }`,
    );
    return logs.nodes.map(({ message }) => message);
  };

  it("runs no due time twice and makes up for the last missed one, though the one that leads is killed", async () => {
    await eventually(async () => expect((await told()).length).toBeGreaterThan(3), 30_000);
    // Whichever leads: one is killed, and started anew; then the other.
    for (const at of [0, 1]) {
      const process = fermi.one("triggers", at);
      const before = (await told()).length;
      await process.end("SIGKILL");
      await eventually(async () => expect((await told()).length).toBeGreaterThan(before + 4), 40_000);
      await (await process.start()).ready();
    }
    const times = await told();
    expect(new Set(times).size).toBe(times.length);
  }, 150_000);

  it("leaves timers to another process at once when it is asked to end", async () => {
    const begun = Date.now();
    for (const at of [0, 1]) {
      const process = fermi.one("triggers", at);
      const before = Date.now();
      expect(await process.end("SIGTERM")).toBe(0);
      await eventually(async () => {
        const [last = ""] = (await told()).slice(-1);
        expect(Date.parse(last)).toBeGreaterThan(before + 2_000);
      }, 30_000);
      await (await process.start()).ready();
    }
    const times = await told();
    expect(new Set(times).size).toBe(times.length);
    // One that was made up for may run beside the next: only each once is promised.
    const due = times.map((time) => Date.parse(time)).filter((time) => time > begun);
    due.sort((a, b) => a - b);
    const gaps = due.slice(1).map((time, index) => time - (due[index] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(10_000);
  }, 120_000);
});
