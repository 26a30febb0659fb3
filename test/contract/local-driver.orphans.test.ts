import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { killStrays } from "../../src/cluster/local/strays.js";
import { openFiles } from "../../src/lib/open-files.js";
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

/** Resolves when there is another. */
async function killReaper(folder: string): Promise<void> {
  const [killed] = reapersOf(folder);
  process.kill(killed!, "SIGKILL");
  await eventually("another reaper", () => reapersOf(folder).some((pid) => pid !== killed));
}

describe("Instances of a process that was killed", () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), "fermi-doomed-data-"));
    await chmod(dataDir, 0o711);
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it("die with it, also one that blocks and what that has started, and where their reaper was killed before", async () => {
    const doomed = await startDoomed(dataDir);
    expect(processesIn(doomed.instancesDir).length).toBeGreaterThanOrEqual(5);
    await killReaper(doomed.instancesDir);
    doomed.process.kill("SIGKILL");
    await eventually("none is left", () => processesIn(doomed.instancesDir).length === 0);
    await eventually("its reaper has ended", () => reapersOf(doomed.instancesDir).length === 0);
  });

  it("are ended at the next start where even the reaper was killed, and their files removed, also closed ones", async () => {
    const doomed = await startDoomed(dataDir);
    // It would start another.
    doomed.process.kill("SIGSTOP");
    for (const pid of reapersOf(doomed.instancesDir)) process.kill(pid, "SIGKILL");
    doomed.process.kill("SIGKILL");
    await eventually("only who can't see it is left", () => processesIn(doomed.instancesDir).length === 3);
    const home = path.join(doomed.instancesDir, readdirSync(doomed.instancesDir)[0]!, "home");
    writeFileSync(path.join(home, "file"), "");
    chmodSync(home, 0);
    const next = await aLocalDriver({ dataDir });
    expect(processesIn(next.driver.instancesDir)).toEqual([]);
    expect(readdirSync(next.driver.instancesDir)).toEqual([]);
    await next.stop();
  });
});

describe("A local driver whose reaper was killed", () => {
  it("has another, and stops", async () => {
    const { driver, stop } = await aLocalDriver();
    await killReaper(driver.instancesDir);
    await stop();
    expect(reapersOf(driver.instancesDir)).toEqual([]);
  });
});

describe("Looking for what instances have left behind", () => {
  it("takes few files at a time, however many processes there are", async () => {
    const crowd = spawn("/bin/sh", ["-c", "for i in $(seq 60); do sleep 100 & done; echo begun; wait"], {
      detached: true,
    });
    await once(crowd.stdout, "data");
    const before = openFiles()!;
    let most = before;
    const looking = killStrays("/no/such/folder").then(() => "done");
    while ((await Promise.race([looking, new Promise(setImmediate)])) !== "done") most = Math.max(most, openFiles()!);
    process.kill(-crowd.pid!, "SIGKILL");
    expect(most - before).toBeLessThan(30);
  });
});
