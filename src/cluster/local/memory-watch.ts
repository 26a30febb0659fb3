import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import type { Clock } from "../../lib/clock.js";
import type { Stoppable } from "../../lib/stoppable.js";
import { residentBytes } from "./memory-limit.js";

const periodMs = 250;

/** A process whose memory is looked at. */
export interface Watched {
  readonly pid: number;
  readonly memoryLimitBytes: number;
  /** Called when it has more than its limit. */
  exceeded(): void;
}

/** Looks four times a second at how much memory each process has: what no heap limit bounds is bounded here. */
export class MemoryWatch implements Stoppable {
  readonly #watched = new Set<Watched>();
  #timer: { stop(): void } | undefined;

  constructor(private readonly clock: Clock) {}

  add(watched: Watched): void {
    this.#watched.add(watched);
    this.#timer ??= this.#later();
  }

  remove(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size === 0) this.stop();
  }

  stop(): void {
    this.#timer?.stop();
    this.#timer = undefined;
  }

  #later(): { stop(): void } {
    return this.clock.after(periodMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const measured = await measure([...this.#watched]);
    for (const [watched, bytes] of measured) {
      if (this.#watched.has(watched) && bytes > watched.memoryLimitBytes) watched.exceeded();
    }
    if (this.#timer !== undefined) this.#timer = this.#later();
  }
}

async function measure(watched: readonly Watched[]): Promise<[Watched, number][]> {
  const bytes = existsSync("/proc/self/status")
    ? await Promise.all(watched.map(({ pid }) => residentBytes(pid)))
    : await residentBytesByPs(watched.map(({ pid }) => pid));
  return watched.flatMap((one, index) => {
    const resident = bytes[index];
    return resident === undefined ? [] : [[one, resident]];
  });
}

/** For systems without /proc. */
function residentBytesByPs(pids: readonly number[]): Promise<(number | undefined)[]> {
  return new Promise((resolve) => {
    execFile("/bin/ps", ["-o", "pid=,rss=", "-p", pids.join(",")], (_error, output) => {
      const byPid = new Map<number, number>();
      for (const line of output.split("\n")) {
        const [pid, kibibytes] = line.trim().split(/\s+/).map(Number);
        if (pid !== undefined && kibibytes !== undefined) byPid.set(pid, kibibytes * 1024);
      }
      resolve(pids.map((pid) => byPid.get(pid)));
    });
  });
}
