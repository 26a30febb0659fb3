import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import type { Clock } from "../../lib/clock.js";
import type { Stoppable } from "../../lib/stoppable.js";
import { proportionalBytes, residentBytes, withDescendants } from "./memory-limit.js";
import { ProcessGroups } from "./process-groups.js";

const periodMs = 250;
/** A look is at what is known; to search costs more. */
const looksPerSearch = 4;

/** A process whose memory is looked at, and that leads a process group. */
export interface Watched {
  readonly pid: number;
  readonly memoryLimitBytes: number;
  /** Called when it has more than its limit. */
  exceeded(): void;
}

/**
 * Looks four times a second at how much memory each process has, with those that it has started and those that are in its
 * group: what no heap limit bounds is bounded here. Where there is no /proc, only the process itself counts.
 */
export class MemoryWatch implements Stoppable {
  readonly #watched = new Set<Watched>();
  /** Each with what belongs to it, as it was found last. */
  readonly #families = new WeakMap<Watched, ReadonlySet<number>>();
  readonly #groups = new ProcessGroups();
  #looks = 0;
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
    this.#groups.forget();
  }

  #later(): { stop(): void } {
    return this.clock.after(periodMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const looking = this.#timer;
    const watched = [...this.#watched];
    const hasProc = existsSync("/proc/self/status");
    const areOver = await (hasProc ? Promise.all(watched.map((one) => this.#isOver(one))) : areOverByPs(watched));
    for (const [index, one] of watched.entries()) if (areOver[index] && this.#watched.has(one)) one.exceeded();
    if (hasProc && ++this.#looks % looksPerSearch === 0) await this.#search(watched);
    // Another chain may have begun meanwhile.
    if (this.#timer === looking) this.#timer = looking && this.#later();
  }

  /** By itself, or with what belongs to it. They may share memory; what they have together costs more to ask. */
  async #isOver(one: Watched): Promise<boolean> {
    const { pid, memoryLimitBytes } = one;
    const family = [...new Set([pid, ...(this.#families.get(one) ?? [])])];
    const [own = 0, ...others] = await Promise.all(family.map(residentBytes));
    if (own > memoryLimitBytes) return true;
    if (own + sum(others) <= memoryLimitBytes) return false;
    return sum(await Promise.all(family.map(proportionalBytes))) > memoryLimitBytes;
  }

  /** For the next look: until what is new has become a program of its own, it has its starter's memory. */
  async #search(watched: readonly Watched[]): Promise<void> {
    await this.#groups.refresh(new Set(watched.map(({ pid }) => pid)));
    const search = async (one: Watched): Promise<void> => {
      this.#families.set(one, await withDescendants([one.pid, ...this.#groups.membersOf(one.pid)]));
    };
    await Promise.all(watched.map(search));
  }
}

const sum = (parts: readonly (number | undefined)[]): number => parts.reduce<number>((all, part = 0) => all + part, 0);

async function areOverByPs(watched: readonly Watched[]): Promise<boolean[]> {
  const bytes = await residentBytesByPs(watched.map(({ pid }) => pid));
  return watched.map(({ memoryLimitBytes }, index) => (bytes[index] ?? 0) > memoryLimitBytes);
}

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
