/**
 * Thousands of requests with bytes changed at random, on connections that each get what is theirs. Everything follows from
 * the seed, which is printed: FERMI_FUZZ_SEED is another one, FERMI_FUZZ_REQUESTS says how many requests there are to be.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { FaultStage } from "./support/fault-stage.js";
import { runScript, type FuzzResult } from "./support/fuzz-client.js";
import { connectionsIn, makeScript, type FuzzScript } from "./support/fuzz-script.js";
import { readAsReference, type Reading } from "./support/reference-reader.js";
import type { SeenRequest, Subject } from "./support/subject.js";

const seed = Number(process.env["FERMI_FUZZ_SEED"] ?? 20_261);
const count = Number(process.env["FERMI_FUZZ_REQUESTS"] ?? 10_000);
const atOnce = 64;

describe(`${count} fuzzed requests (FERMI_FUZZ_SEED=${seed})`, () => {
  let stage: FaultStage;
  let subject: Subject;
  /** What the function may see, and how often. */
  const allowed = new Map<string, number>();
  const statuses = new Map<number, number>();
  const faults: string[] = [];

  beforeAll(async () => {
    process.stdout.write(`fuzz: FERMI_FUZZ_SEED=${seed} FERMI_FUZZ_REQUESTS=${count}\n`);
    stage = await FaultStage.start();
    const settings = { timeoutSeconds: 2, requestsPerInstance: 100, minInstances: 1, maxInstances: 2 };
    subject = await stage.deploy("fuzz", { settings });
    await subject.hasReady(1);
  }, 90_000);
  afterEach(() => stage.expectNoHarm());
  // All records of so many requests are to be written.
  afterAll(() => stage.stop(), 120_000);

  it("do no harm: each is answered or refused, each function sees what was asked of it, and nothing is left", async () => {
    await runScripts(500);
    const before = await stage.vitals();
    await runScripts(count);
    expect(faults).toEqual([]);
    await subject.isAtRest();
    await stage.gaveBack(before);
    const seen = await subject.seen();
    expectNothingElse(seen);
    expect(await subject.count()).toBeGreaterThanOrEqual(seen.length);
    // It was no test if all had been refused, or nothing had.
    expect(statuses.get(200)).toBeGreaterThan(count / 5);
    expect(statuses.get(400)).toBeGreaterThan(count / 50);
  }, 1_200_000);

  /** Connections until so many requests were made, some at once. */
  let made = 0;
  let connection = 0;
  async function runScripts(to: number): Promise<void> {
    const client = async (): Promise<void> => {
      while (made < to && faults.length < 5) {
        const script = makeScript(seed, connection++);
        made += script.requests;
        const reading = readAsReference(script.bytes);
        for (const { method, target, body } of reading.requests) {
          const key = `${method} ${target} ${body}`;
          allowed.set(key, (allowed.get(key) ?? 0) + 1);
        }
        judge(script, reading, await runScript(stage.port, script, reading));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, client));
  }

  function judge(script: FuzzScript, reading: Reading, result: FuzzResult): void {
    const fault = faultOf(script, reading, result);
    for (const { status } of result.answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (fault !== undefined)
      faults.push(`${fault}: ${JSON.stringify({ script: script.bytes.toString("latin1"), result, reading })}`);
  }

  function faultOf(script: FuzzScript, reading: Reading, { answers, closedBy, rest }: FuzzResult): string | undefined {
    if (closedBy === "NOBODY") return "hangs";
    // One more where the parser's error is told.
    if (answers.length > reading.due + 1) return "more answers than requests";
    const told = connectionsIn(answers.map(({ body }) => body).join() + rest);
    if ([...told].some((one) => one !== script.connection)) return "another connection's answer";
    if (answers.some(({ status, body }, i) => status === 200 && targetIn(body) !== reading.requests[i]?.target)) {
      return "another request's answer";
    }
    return isPlain(script) && wasRefused(answers, reading) ? "a valid request was refused" : undefined;
  }

  /** The function saw what clients have said, each once, and nothing beside it. */
  function expectNothingElse(seen: readonly SeenRequest[]): void {
    const unasked = seen.filter(({ method, target, body }) => {
      const key = `${method} ${target} ${body}`;
      const left = allowed.get(key) ?? 0;
      allowed.set(key, left - 1);
      return left <= 0;
    });
    expect(unasked.slice(0, 5)).toEqual([]);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    const mixed = seen.filter(({ target, body, token }) => connectionsIn(`${target} ${body} ${token}`).size > 1);
    expect(mixed.slice(0, 5)).toEqual([]);
  }
});

const targetIn = (body: string): string => (JSON.parse(body) as { target: string }).target;

/** An answer that comes before its client was told to go on with its body ends the connection. */
const isPlain = ({ isMutated, bytes }: FuzzScript): boolean => !isMutated && !bytes.includes("Expect");

/** What is refused before its body has come ends the connection too. */
function wasRefused(answers: FuzzResult["answers"], { due }: Reading): boolean {
  const last = answers.at(-1);
  const hasEnded = last?.status === 404 && /^connection: close\r$/im.test(last.head);
  const isComplete = hasEnded ? answers.length <= due : answers.length === due;
  return !isComplete || answers.some(({ status }) => status !== 200 && status !== 404);
}
