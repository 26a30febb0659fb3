import type { NewLogLine } from "../model/log-line.js";

export interface LineBufferLimits {
  readonly maxLines: number;
  readonly maxBytes: number;
}

/** What a line takes beside its message. */
const lineOverheadBytes = 200;

interface Usage {
  lines: number;
  bytes: number;
}

/**
 * Log lines that wait to be stored, first in first out. Bounded in lines and bytes, and one function may fill no more than
 * half of it, so that one that floods its output costs the others nothing. A line taken out counts until it is released.
 */
export class LineBuffer {
  readonly #limits: LineBufferLimits;
  readonly #waiting: NewLogLine[] = [];
  readonly #all: Usage = { lines: 0, bytes: 0 };
  readonly #byFunctionId = new Map<string, Usage>();

  constructor(limits: LineBufferLimits) {
    this.#limits = limits;
  }

  /** Lines not taken out yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Lines not released yet. */
  get held(): number {
    return this.#all.lines;
  }

  /** False where there is no room for it. */
  offer(line: NewLogLine): boolean {
    const bytes = sizeOf(line);
    const own = this.#byFunctionId.get(line.functionId) ?? { lines: 0, bytes: 0 };
    if (!this.#hasRoom(this.#all, bytes, 1) || !this.#hasRoom(own, bytes, 2)) return false;
    this.admit(line);
    return true;
  }

  /** Takes the line in whether there is room or not: for the few that Fermi must say. */
  admit(line: NewLogLine): void {
    const own = this.#byFunctionId.get(line.functionId) ?? { lines: 0, bytes: 0 };
    this.#byFunctionId.set(line.functionId, own);
    for (const usage of [this.#all, own]) {
      usage.lines++;
      usage.bytes += sizeOf(line);
    }
    this.#waiting.push(line);
  }

  /** The oldest lines, at least one where there is any, at most so many of either. */
  take({ maxLines, maxBytes }: LineBufferLimits): NewLogLine[] {
    let count = 0;
    for (let bytes = 0; count < Math.min(maxLines, this.#waiting.length); count++) {
      bytes += sizeOf(this.#waiting[count]);
      if (bytes > maxBytes && count > 0) break;
    }
    return this.#waiting.splice(0, count);
  }

  /** Lines taken out before are stored or lost: their room is free again. */
  release(lines: readonly NewLogLine[]): void {
    for (const line of lines) {
      const own = this.#byFunctionId.get(line.functionId);
      const bytes = sizeOf(line);
      for (const usage of own === undefined ? [this.#all] : [this.#all, own]) {
        usage.lines--;
        usage.bytes -= bytes;
      }
      if (own?.lines === 0) this.#byFunctionId.delete(line.functionId);
    }
  }

  /** `share`: 1 for all of the buffer, 2 for half of it. */
  #hasRoom(usage: Usage, bytes: number, share: number): boolean {
    const { maxLines, maxBytes } = this.#limits;
    return (usage.lines + 1) * share <= maxLines && (usage.bytes + bytes) * share <= maxBytes;
  }
}

/** An estimate of the memory it takes: strings are one or two bytes a unit. */
const sizeOf = (line: NewLogLine | undefined): number => (line?.message.length ?? 0) * 2 + lineOverheadBytes;
