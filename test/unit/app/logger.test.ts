import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { repository } from "../../support/harness.js";

/** Logs lines to its stderr, then says on stdout how many calls came back. */
const program = (format: string): string => `
  import { createLogger } from "${repository}/dist/app/logger.js";
  const logger = createLogger({ level: "info", format: "${format}" });
  process.stdin.once("data", async () => {
    for (let i = 1; i <= 3; i++) {
      logger.warn({ i }, "said");
      await new Promise((resolve) => setImmediate(resolve));
    }
    process.stdout.write("went on");
    process.stdin.destroy();
  });`;

/** What becomes of a process whose log can't be written: what it printed, and its exit code. */
async function log(format: string, stderr: number | "pipe"): Promise<[string, number | null]> {
  const args = ["--input-type=module", "-e", program(format)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", stderr] });
  if (child.stderr !== null) {
    child.stderr.destroy();
    await once(child.stderr, "close");
  }
  let printed = "";
  child.stdout!.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  child.stdin!.end("begin");
  const [code] = (await once(child, "close")) as [number | null];
  return [printed, code];
}

describe.each(["json", "text"])("a log as %s", (format) => {
  it("ends nobody who writes to it where the disk is full", async () => {
    const full = openSync("/dev/full", "w");
    try {
      expect(await log(format, full)).toEqual(["went on", 0]);
    } finally {
      closeSync(full);
    }
  });

  it("ends nobody where its reader has left", async () => {
    expect(await log(format, "pipe")).toEqual(["went on", 0]);
  });
});
