import type { Readable } from "node:stream";
import type { Clock } from "../lib/clock.js";

export const maxLineBytes = 64 * 1024;

/** How much of what one instance prints is kept, and how fast the rest is thrown away. */
export interface OutputBounds {
  readonly linesPerSecond: number;
  readonly bytesPerSecond: number;
  /** Beyond this the pipe is left full for a while, so that a flood slows down the one who makes it. */
  readonly readBytesPerSecond: number;
}

export const defaultOutputBounds: OutputBounds = {
  linesPerSecond: 5_000,
  bytesPerSecond: 4 * 1024 * 1024,
  readBytesPerSecond: 32 * 1024 * 1024,
};

/** The lines an instance may still have kept this second; shared by its two streams. Says what it dropped, once a second. */
export class OutputAllowance {
  #lines: number;
  #bytes: number;
  #filledAtMs: number;
  #droppedLines = 0;
  #droppedBytes = 0;
  #notice: { stop(): void } | undefined;

  constructor(
    private readonly bounds: OutputBounds,
    private readonly clock: Clock,
    private readonly say: (text: string) => void,
  ) {
    this.#lines = bounds.linesPerSecond;
    this.#bytes = bounds.bytesPerSecond;
    this.#filledAtMs = clock.monotonicMs();
  }

  /** Whether a line of so many bytes is kept. */
  take(bytes: number): boolean {
    if (this.#lines < 1 || this.#bytes < bytes) this.#refill();
    if (this.#lines < 1 || this.#bytes < bytes) return this.#drop(bytes);
    this.#lines -= 1;
    this.#bytes -= bytes;
    return true;
  }

  /** Says now what was dropped. */
  flush(): void {
    this.#notice?.stop();
    this.#notice = undefined;
    if (this.#droppedLines === 0) return;
    const { linesPerSecond, bytesPerSecond } = this.bounds;
    const mebibytes = (bytesPerSecond / 1024 / 1024).toLocaleString("en");
    this.say(
      `fermi: dropped ${this.#droppedLines.toLocaleString("en")} lines (${this.#droppedBytes.toLocaleString("en")} bytes) ` +
        `of output: more than ${linesPerSecond.toLocaleString("en")} lines or ${mebibytes} MiB a second`,
    );
    this.#droppedLines = 0;
    this.#droppedBytes = 0;
  }

  #refill(): void {
    const { linesPerSecond, bytesPerSecond } = this.bounds;
    const now = this.clock.monotonicMs();
    const seconds = (now - this.#filledAtMs) / 1_000;
    this.#filledAtMs = now;
    this.#lines = Math.min(linesPerSecond, this.#lines + seconds * linesPerSecond);
    this.#bytes = Math.min(bytesPerSecond, this.#bytes + seconds * bytesPerSecond);
  }

  #drop(bytes: number): false {
    this.#droppedLines += 1;
    this.#droppedBytes += bytes;
    this.#notice ??= this.clock.after(1_000, () => this.flush());
    return false;
  }
}

const windowMs = 100;

/** Splits a pipe into lines of at most 64 KiB, in bounded memory and at a bounded rate. */
export class OutputReader {
  #partial: Buffer = Buffer.alloc(0);
  /** What comes next goes on with a line that was too long, and whose beginning has been read. */
  #isRest = false;
  #windowStartMs = 0;
  #windowBytes = 0;
  /** Resolves when the pipe has been read to its end. */
  readonly ended: Promise<void>;

  constructor(
    private readonly pipe: Readable,
    private readonly allowance: OutputAllowance,
    private readonly bounds: { readonly clock: Clock; readonly readBytesPerSecond: number },
    /** `isRest` for what goes on with the line before it. */
    private readonly deliver: (text: string, isRest: boolean) => void,
  ) {
    pipe.on("data", (chunk: Buffer) => this.#read(chunk)).on("error", () => {});
    this.ended = new Promise((resolve) => {
      pipe.once("close", () => {
        this.#line(this.#partial);
        this.#partial = Buffer.alloc(0);
        resolve();
      });
    });
  }

  #read(chunk: Buffer): void {
    this.#slowDown(chunk.length);
    const data = this.#partial.length === 0 ? chunk : Buffer.concat([this.#partial, chunk]);
    let start = 0;
    for (let end = data.indexOf(10); end !== -1; end = data.indexOf(10, start)) {
      this.#split(data.subarray(start, end));
      this.#isRest = false;
      start = end + 1;
    }
    const rest = data.subarray(start);
    const whole = rest.length - (rest.length % maxLineBytes);
    if (whole > 0) this.#split(rest.subarray(0, whole));
    // A copy, so that the last bytes of a large chunk do not keep all of it.
    this.#partial = Buffer.from(rest.subarray(whole));
  }

  #split(line: Buffer): void {
    for (let at = 0; at < line.length || at === 0; at += maxLineBytes) {
      this.#line(line.subarray(at, at + maxLineBytes));
      this.#isRest = true;
    }
  }

  #line(line: Buffer): void {
    if (line.length > 0 && this.allowance.take(line.length)) this.deliver(line.toString("utf8"), this.#isRest);
  }

  #slowDown(bytes: number): void {
    const { clock, readBytesPerSecond } = this.bounds;
    const now = clock.monotonicMs();
    if (now - this.#windowStartMs >= windowMs) {
      this.#windowStartMs = now;
      this.#windowBytes = 0;
    }
    this.#windowBytes += bytes;
    if (this.#windowBytes < (readBytesPerSecond * windowMs) / 1_000 || this.pipe.isPaused()) return;
    this.pipe.pause();
    clock.after(Math.max(1, this.#windowStartMs + windowMs - now), () => this.pipe.resume());
  }
}
