/** Asynchronous invocations while processes and the database are killed: the short form of `npm run bench -- async-chaos`. */
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "@jest/globals";
import { repository } from "../support/harness.js";

const run = promisify(execFile);

interface Found {
  readonly acknowledged: number;
  readonly succeeded: number;
  readonly dead: number;
  readonly recorded: number;
  readonly neverRan: number;
  readonly kills: Readonly<Record<string, number>>;
}

describe("Asynchronous invocations", () => {
  it("all end, and none is lost, while everything is killed for 20 seconds", async () => {
    const script = path.join(repository, "bench/async-chaos.mjs");
    const { stdout } = await run(process.execPath, [script, "500", "20"], { timeout: 300_000 });
    const found = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Found;
    expect(Object.values(found.kills).reduce((sum, times) => sum + times, 0)).toBeGreaterThan(0);
    expect(found).toMatchObject({ acknowledged: 500, recorded: 500 });
    expect(found.succeeded + found.dead).toBe(500);
    expect(found.neverRan).toBeLessThanOrEqual(found.dead);
    // Attempts that are killed are made again, and there are enough of them.
    expect(found.succeeded).toBeGreaterThan(450);
  }, 310_000);
});
