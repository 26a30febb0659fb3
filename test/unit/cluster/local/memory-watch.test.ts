import { describe, expect, it } from "@jest/globals";
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
});
