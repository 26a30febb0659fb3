import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startDoomed } from "./doomed-process.js";
import { aLocalDriver } from "./local-subject.js";
import { eventually, processesIn } from "./processes.js";

/** Pids of the reapers that watch over the folder. */
const reapersOf = (folder: string): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "latin1");
        return command.includes("fermi-reaper") && command.includes(folder);
      } catch {
        return false;
      }
    })
    .map(Number);

describe("Instances of a process that was killed", () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), "fermi-doomed-data-"));
    await chmod(dataDir, 0o711);
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it("die with it, also one that blocks and what that has started", async () => {
    const doomed = await startDoomed(dataDir);
    expect(processesIn(doomed.instancesDir).length).toBeGreaterThanOrEqual(4);
    doomed.process.kill("SIGKILL");
    await eventually("none is left", () => processesIn(doomed.instancesDir).length === 0);
    await eventually("its reaper has ended", () => reapersOf(doomed.instancesDir).length === 0);
  });

  it("are ended at the next start where even the reaper was killed", async () => {
    const doomed = await startDoomed(dataDir);
    for (const pid of reapersOf(doomed.instancesDir)) process.kill(pid, "SIGKILL");
    doomed.process.kill("SIGKILL");
    await eventually("only who can't see it is left", () => processesIn(doomed.instancesDir).length === 2);
    const next = await aLocalDriver({ dataDir });
    expect(processesIn(next.driver.instancesDir)).toEqual([]);
    expect(readdirSync(next.driver.instancesDir)).toEqual([]);
    await next.stop();
  });
});
