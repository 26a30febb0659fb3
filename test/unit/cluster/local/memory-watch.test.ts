import { describe, expect, it } from "@jest/globals";
import { spawn } from "node:child_process";
import { MemoryWatch } from "../../../../src/cluster/local/memory-watch.js";
import { systemClock, type Clock } from "../../../../src/lib/clock.js";

describe("The watch on memory", () => {
  it("looks as often as before when it was emptied and filled again during a look", async () => {
    const due = new Set<() => void>();
    const after: Clock["after"] = (_ms, task) => {
      due.add(task);
      return { stop: () => void due.delete(task) };
    };
    const watch = new MemoryWatch({ ...systemClock, after });
    await new Promise<void>((resolve) => {
      const watched = { pid: process.pid, memoryLimitBytes: 0, exceeded: () => setImmediate(resolve) };
      watch.add(watched);
      const [look] = due;
      due.clear();
      look!();
      watch.remove(watched);
      watch.add(watched);
    });
    expect(due.size).toBe(1);
    watch.stop();
    expect(due.size).toBe(0);
  });

  it("counts what runs in the background, though its starter has ended", async () => {
    const hog = "const kept = Buffer.alloc(100e6, 1); setInterval(() => kept, 1_000)";
    const script = '("$0" -e "$1" &); exec sleep 60';
    const leader = spawn("sh", ["-c", script, process.execPath, hog], { detached: true, stdio: "ignore" });
    const pid = leader.pid!;
    // Ten times as often as it is.
    const after: Clock["after"] = (ms, task) => systemClock.after(ms / 10, task);
    const watch = new MemoryWatch({ ...systemClock, after });
    try {
      await new Promise<void>((exceeded) => watch.add({ pid, memoryLimitBytes: 80e6, exceeded }));
    } finally {
      watch.stop();
      process.kill(-pid, "SIGKILL");
    }
  });
});
