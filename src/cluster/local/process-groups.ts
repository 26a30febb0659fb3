import { readdir, readFile } from "node:fs/promises";

/** Files open at a time, of those that may be few. */
const batchSize = 16;

/** Which processes are in a process group, whoever has started them: a starter that has ended is nobody's parent. */
export class ProcessGroups {
  /** Of every process there is. One of a group that nobody asks for is looked at once. */
  #groups = new Map<number, number>();

  /** Looks at what is new, and at what was in one of these groups. */
  async refresh(groups: ReadonlySet<number>): Promise<void> {
    const before = this.#groups;
    const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number);
    const isKnown = (pid: number): boolean => before.has(pid) && !groups.has(before.get(pid) ?? 0);
    const after = new Map(pids.filter(isKnown).map((pid) => [pid, before.get(pid) ?? 0]));
    const rest = pids.filter((pid) => !isKnown(pid));
    for (let from = 0; from < rest.length; from += batchSize) {
      const batch = rest.slice(from, from + batchSize);
      const found = await Promise.all(batch.map(groupOf));
      found.forEach((group, index) => after.set(batch[index] ?? 0, group));
    }
    // Else it was told to forget meanwhile.
    if (this.#groups === before) this.#groups = after;
  }

  membersOf(group: number): readonly number[] {
    return [...this.#groups].filter(([, its]) => its === group).map(([pid]) => pid);
  }

  /** Numbers are given anew, so what was known a while ago is worth nothing. */
  forget(): void {
    this.#groups = new Map();
  }
}

/** The fifth field of its status; the second, its name, may have anything in it. 0 where it is gone. */
async function groupOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  return Number(/.*\) \S \d+ (\d+) /s.exec(status)?.[1] ?? 0);
}
