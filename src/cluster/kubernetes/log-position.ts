/** Where in a pod's log a reader is, so that a log that is read again goes on without gap or repeat: pure. */

/** A line as the API gives it where it is asked for timestamps; undefined for the rest of a line that was too long. */
export interface StampedLine {
  /** Nanoseconds since 1970. */
  readonly ns: bigint;
  readonly text: string;
}

const stamp = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?/;
/** Into pieces of which size the node's container runtime writes a long line, each with a stamp in old versions. */
const pieceBytes = 16 * 1024;
const nsPerMs = 1_000_000n;

export function readStamped(line: string): StampedLine | undefined {
  const found = stamp.exec(line);
  if (found === null) return undefined;
  const [head, seconds = "", fraction = "", zone = ""] = found;
  const ms = Date.parse(seconds + zone);
  if (Number.isNaN(ms)) return undefined;
  return { ns: BigInt(ms) * nsPerMs + BigInt(fraction.padEnd(9, "0")), text: joinPieces(line.slice(head.length)) };
}

/** Takes out the stamps that stand where one piece of a long line ends and the next begins. */
export function joinPieces(text: string): string {
  if (text.length < pieceBytes) return text;
  const bytes = Buffer.from(text);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + pieceBytes;
    parts.push(bytes.subarray(at, end));
    const next = stamp.exec(bytes.subarray(end, end + 40).toString("latin1"));
    at = end + (next?.[0].length ?? 0);
  }
  return Buffer.concat(parts).toString("utf8");
}

export const dateOf = (ns: bigint): Date => new Date(Number(ns / nsPerMs));

/** How long a line may take from its runtime through a pipe to where it is stamped. */
const underWayMs = 2_000;

/**
 * Whether the line is among those kept up to `kept`, a time by the runtime's own clock where that has told it: the node
 * stamps a line a moment after its runtime has.
 */
export function wasKept({ ns, text }: StampedLine, kept: Date): boolean {
  const [stampedMs, keptMs] = [dateOf(ns).getTime(), kept.getTime()];
  if (stampedMs > keptMs + underWayMs) return false;
  const ownMs = ownTimeOf(text);
  return ownMs !== undefined && ownMs <= keptMs && stampedMs - ownMs <= underWayMs;
}

/** As Fermi's runtimes write it into each line (environments/CONTRACT.md). */
function ownTimeOf(text: string): number | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const { t } = JSON.parse(text) as { t?: unknown };
    return typeof t === "number" ? Math.trunc(t) : undefined;
  } catch {
    return undefined;
  }
}

export class LogPosition {
  #ns = -1n;
  /** Lines at exactly that time. */
  #count = 0n;
  #left = 0n;
  #isReplaying = false;

  /** Where everything up to a millisecond has been read already. */
  static after(date: Date): LogPosition {
    const position = new LogPosition();
    position.#ns = BigInt(date.getTime()) * nsPerMs + nsPerMs - 1n;
    return position;
  }

  /** From when on the log is to be asked for: the API knows whole seconds only. */
  get sinceTime(): string | undefined {
    if (this.#ns < 0n) return undefined;
    return `${dateOf(this.#ns).toISOString().slice(0, 19)}Z`;
  }

  /** The log is read again, from `sinceTime` on. */
  rewind(): void {
    this.#isReplaying = this.#ns >= 0n;
    this.#left = this.#count;
  }

  /** Whether the line is new. */
  pass(ns: bigint): boolean {
    if (this.#isReplaying && ns < this.#ns) return false;
    if (this.#isReplaying && ns === this.#ns && this.#left > 0n) {
      this.#left--;
      return false;
    }
    this.#isReplaying &&= ns === this.#ns;
    // The two streams of a container are written side by side, so a line may be a moment older than the one before it.
    if (ns === this.#ns) this.#count++;
    if (ns > this.#ns) [this.#ns, this.#count] = [ns, 1n];
    return true;
  }
}
