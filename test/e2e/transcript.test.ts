import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { readFurtherCommands, readTranscript } from "./transcript-steps.js";
import { eventually, repository, startFermi, temporaryFolder, type Fermi } from "../support/harness.js";

const run = promisify(execFile);

describe("the transcript of the README", () => {
  let fermi: Fermi;
  let folder: string;
  beforeAll(async () => {
    fermi = await startFermi();
    folder = await temporaryFolder();
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
    await rm(folder, { recursive: true });
  });

  async function shell(command: string): Promise<string> {
    const line = command
      .replace(/^fermi /, `"${process.execPath}" "${path.join(repository, "bin/fermi.js")}" `)
      .replace("http://localhost:31314", fermi.routerUrl);
    const env = { PATH: process.env["PATH"], HOME: folder, FERMI_SERVER: fermi.apiUrl };
    const { stdout } = await run("/bin/sh", ["-c", line], { cwd: folder, env, timeout: 30_000 });
    return stdout;
  }

  it("works as it stands, command after command", async () => {
    const steps = await readTranscript();
    expect(steps.map(({ command }) => command.split(" ").slice(0, 3).join(" "))).toEqual([
      "printf '%s\\n' 'module.exports",
      "fermi env create",
      "cat hello.js",
      "fermi function create",
      "fermi route create",
      "curl http://localhost:31314/hi",
      "fermi function logs",
    ]);
    for (const { command, printed } of steps) {
      const output = await shell(command);
      if (printed !== "") expect(output.trim()).toBe(printed);
    }
  }, 60_000);

  it("is all that its further commands need, and both ways to enqueue hand over the same", async () => {
    const commands = await readFurtherCommands();
    expect(commands).toHaveLength(8);
    let output = "";
    for (const command of commands) output += await shell(command);
    expect(output).toMatch(/HTTP\/1\.1 202 [^]* is queued[^]*timer nightly created/);
    await eventually(async () => {
      const { logs } = await fermi.ok<{ logs: unknown }>(
        `{ logs(filter: { function: "book" }) { nodes { message } } }`,
      );
      expect(logs).toEqual({ nodes: Array(2).fill({ message: "booked { tea: 2 }" }) });
    });
  }, 60_000);
});
