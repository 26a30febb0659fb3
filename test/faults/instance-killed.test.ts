/** Instances that die: what the caller gets, how often the function ran, and what the record says. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { errorCode } from "../router/support/http-client.js";
import { eventually } from "../support/harness.js";
import { FaultStage } from "./support/fault-stage.js";
import type { Subject } from "./support/subject.js";

/** Notes each request as the wire runtime does; hangs, streams or answers as the path's last segment says. */
const source = `
const { appendFileSync } = require("node:fs");
const { Readable } = require("node:stream");
const { setTimeout: pause } = require("node:timers/promises");
async function* ticks() { for (;;) { yield "tick"; await pause(20); } }
module.exports = async ({ request, invocationId, function: fn }) => {
  const note = { fn: fn.name, pid: process.pid, id: invocationId, method: request.method, target: request.url };
  appendFileSync(process.env.SEEN, JSON.stringify(note) + "\\n");
  const how = request.path.split("/").at(-1);
  if (how === "answers-never") return new Promise(() => {});
  if (how === "ends-the-process") process.exit(3);
  if (how === "throws-beside") return setTimeout(() => { throw new Error("beside"); }, 5), pause(1000);
  if (how === "streams-on") return Readable.from(ticks());
  return { status: 200, body: { pid: process.pid } };
};`;

const kill = (pid: number): boolean => process.kill(pid, "SIGKILL");

describe("An instance that is killed", () => {
  let stage: FaultStage;
  beforeAll(async () => {
    stage = await FaultStage.start();
  }, 90_000);
  afterEach(() => stage.expectNoHarm());
  afterAll(() => stage.stop());

  const pidOf = async (subject: Subject): Promise<number> => {
    const { pid } = JSON.parse((await subject.ask("ok")).body) as { pid: number };
    return pid;
  };

  /** Kills one of its instances; resolves when that is known. */
  async function killed(subject: Subject, pid: number): Promise<void> {
    const before = (await subject.instances()).map(({ id }) => id);
    kill(pid);
    await eventually(async () => {
      const now = (await subject.instances()).map(({ id }) => id);
      expect(before.filter((id) => now.includes(id)).length).toBeLessThan(before.length);
    });
  }

  it("killed before a request comes, its death known: another one takes the request", async () => {
    const settings = { minInstances: 2, requestsPerInstance: 10 };
    const subject = await stage.deploy("known-dead", { environment: "node", source, settings });
    await subject.hasReady(2);
    const pid = await pidOf(subject);
    await killed(subject, pid);
    for (let i = 0; i < 5; i++) expect(await pidOf(subject)).not.toBe(pid);
    await subject.cameToRest(Array(6).fill({ status: "SUCCEEDED", httpStatus: 200, error: null, attempts: 1 }));
  });

  it("lost before a request comes, the connection refused: another one takes the request", async () => {
    const subject = await stage.deploy("refusing", { settings: { minInstances: 2 } });
    await subject.hasReady(2);
    expect((await subject.ask("listens-no-more")).status).toBe(200);
    const body = "x".repeat(200_000);
    // With one slot each, two requests at once try both instances.
    const answers = await Promise.all([subject.ask("ok"), subject.ask("ok", { method: "POST", body })]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const records = await subject.settledRecords(3);
    expect(records.map(({ status, error }) => [status, error])).toEqual(Array(3).fill(["SUCCEEDED", null]));
    expect(records.map(({ attempts }) => attempts).sort()).toEqual([1, 1, 2]);
    expect(await subject.seen()).toHaveLength(3);
  });

  it.each(["GET", "POST"])("killed after a %s was sent: 502, and it is never sent twice", async (method) => {
    const settings = { minInstances: 2 };
    const subject = await stage.deploy(`asked-${method.toLowerCase()}`, { environment: "node", source, settings });
    await subject.hasReady(2);
    const answer = subject.ask("answers-never", { method });
    await subject.hasSeen(1);
    kill((await subject.seen())[0]!.pid);
    const { status, body } = await answer;
    expect([status, errorCode({ body })]).toEqual([502, "FUNCTION_CRASHED"]);
    expect((await subject.ask("ok")).status).toBe(200);
    const error = "The function's instance was lost before it answered: it was killed by SIGKILL.";
    await subject.cameToRest([
      { status: "FAILED", httpStatus: 502, error, attempts: 1 },
      { status: "SUCCEEDED", attempts: 1 },
    ]);
    expect((await subject.seen()).map(({ target }) => target)).toEqual([
      subject.path("answers-never"),
      subject.path("ok"),
    ]);
  });

  it("killed while it streams its answer: the client is cut, not ended cleanly", async () => {
    const subject = await stage.deploy("streaming", { environment: "node", source });
    const client = await stage.connect();
    client.write(`GET ${subject.path("streams-on")} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await client.sees("tick");
    kill((await subject.seen())[0]!.pid);
    const answer = await client.closed();
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*transfer-encoding: chunked/i);
    expect(answer).not.toMatch(/\r\n0\r\n/);
    const error = "The function's answer broke off.";
    await subject.cameToRest([{ status: "FAILED", httpStatus: 200, error, attempts: 1 }]);
    expect(await subject.seen()).toHaveLength(1);
  });

  it("killed while it is specialized: another one is, and the caller sees nothing", async () => {
    const subject = await stage.deploy("half-loaded", { source: "hangs once" });
    const answer = subject.ask("ok");
    const { pid } = await eventually(async () => {
      const [note] = await subject.notes();
      expect(note).toBeDefined();
      return note!;
    });
    kill(pid);
    expect(await answer).toMatchObject({ status: 200 });
    await subject.cameToRest([{ status: "SUCCEEDED", httpStatus: 200, error: null, attempts: 1 }]);
    expect(await subject.seen()).toEqual([expect.objectContaining({ target: subject.path("ok") })]);
  });

  it("killed while idle: it is replaced, and no record is made", async () => {
    const settings = { minInstances: 1 };
    const subject = await stage.deploy("idle", { environment: "node", source, settings });
    await subject.hasReady(1);
    const pid = await pidOf(subject);
    await killed(subject, pid);
    await subject.hasReady(1);
    expect(await pidOf(subject)).not.toBe(pid);
    await subject.cameToRest(Array(2).fill({ status: "SUCCEEDED", attempts: 1 }));
  });

  it("ended by one caller's requests again and again: no other caller is refused", async () => {
    const settings = { maxInstances: 1, requestsPerInstance: 1 };
    const subject = await stage.deploy("poisoned", { environment: "node", source, settings });
    expect((await subject.ask("ok")).status).toBe(200);
    for (let round = 0; round < 5; round++) {
      const poison = subject.ask("ends-the-process");
      const answers = await Promise.all([poison, subject.ask("ok")]);
      expect(answers.map(({ status }) => status)).toEqual([502, 200]);
    }
    await subject.settledRecords(11);
  });

  it("ended by what one caller's request throws beside its handler: no other caller is refused", async () => {
    const settings = { maxInstances: 1, requestsPerInstance: 1 };
    const subject = await stage.deploy("thrown-beside", { environment: "node", source, settings });
    for (let round = 0; round < 3; round++) {
      expect((await subject.ask("ok")).status).toBe(200);
      const answers = await Promise.all([subject.ask("throws-beside"), subject.ask("ok")]);
      expect(answers.map(({ status }) => status)).toEqual([500, 200]);
    }
    await subject.settledRecords(9);
  });

  it("killed again and again under load: each request runs once at most, and each is recorded", async () => {
    const settings = { minInstances: 2, maxInstances: 3, requestsPerInstance: 5 };
    const subject = await stage.deploy("reaped", { environment: "node", source, settings });
    await subject.hasReady(2);
    let isOver = false;
    let sent = 0;
    const answers: string[] = [];
    const caller = async (): Promise<void> => {
      while (!isOver) {
        const { status, body } = await subject.ask(`ok?n=${sent++}`);
        answers.push(status === 200 ? "200" : `${status} ${errorCode({ body })}`);
      }
    };
    const callers = Array.from({ length: 6 }, caller);
    for (let kills = 0; kills < 5; kills++) {
      await killed(subject, await pidOf(subject));
      await subject.hasReady(2);
    }
    isOver = true;
    await Promise.all(callers);
    expect(answers.filter((answer) => answer !== "200" && answer !== "502 FUNCTION_CRASHED")).toEqual([]);
    const records = await subject.settledRecords(sent + 5);
    const failed = records.filter(({ status }) => status !== "SUCCEEDED");
    expect(failed).toHaveLength(answers.filter((answer) => answer !== "200").length);
    const seen = (await subject.seen()).map(({ id }) => id);
    expect(new Set(seen).size).toBe(seen.length);
  });
});
