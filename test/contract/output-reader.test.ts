import { describe, expect, it } from "@jest/globals";
import { PassThrough } from "node:stream";
import { heapMib } from "../../src/cluster/local/memory-limit.js";
import { parseQuantity } from "../../src/model/quantity.js";
import { OutputAllowance, OutputReader, maxLineBytes } from "../../src/cluster/output-reader.js";
import type { Clock } from "../../src/lib/clock.js";

class HandClock implements Clock {
  ms = 0;
  readonly tasks: { at: number; task: () => void }[] = [];
  now = (): Date => new Date(this.ms);
  monotonicMs = (): number => this.ms;
  after(ms: number, task: () => void): { stop(): void } {
    const entry = { at: this.ms + ms, task };
    this.tasks.push(entry);
    return { stop: () => void this.tasks.splice(this.tasks.indexOf(entry), 1) };
  }
  advance(ms: number): void {
    this.ms += ms;
    for (const entry of this.tasks.filter(({ at }) => at <= this.ms)) {
      this.tasks.splice(this.tasks.indexOf(entry), 1);
      entry.task();
    }
  }
}

function read(bounds: { linesPerSecond?: number; bytesPerSecond?: number; readBytesPerSecond?: number } = {}): {
  pipe: PassThrough;
  lines: string[];
  said: string[];
  clock: HandClock;
  ended: Promise<void>;
} {
  const clock = new HandClock();
  const all = { linesPerSecond: 1_000, bytesPerSecond: 1e6, readBytesPerSecond: 1e7, ...bounds };
  const lines: string[] = [];
  const said: string[] = [];
  const pipe = new PassThrough();
  const allowance = new OutputAllowance(all, clock, (text) => said.push(text));
  const reader = new OutputReader(pipe, allowance, { clock, readBytesPerSecond: all.readBytesPerSecond }, (text) =>
    lines.push(text),
  );
  return { pipe, lines, said, clock, ended: reader.ended };
}

describe("OutputReader", () => {
  it("joins what comes in pieces, also a character, and gives the last line without its line feed", async () => {
    const { pipe, lines, ended } = read();
    const umlaut = Buffer.from("ü");
    for (const piece of ["one\ntw", "o\n\n", umlaut.subarray(0, 1), umlaut.subarray(1), "\nlast"]) pipe.write(piece);
    pipe.end();
    await ended;
    expect(lines).toEqual(["one", "two", "ü", "last"]);
  });

  it("splits what is longer than a line may be", async () => {
    const { pipe, lines, ended } = read();
    pipe.end(`${"x".repeat(maxLineBytes + 5)}\nshort`);
    await ended;
    expect(lines.map((line) => line.length)).toEqual([maxLineBytes, 5, 5]);
  });

  it("drops what exceeds the lines or bytes of a second, says so once, and goes on in the next", async () => {
    const { pipe, lines, said, clock, ended } = read({ linesPerSecond: 3 });
    pipe.write("a\nb\nc\nd\ne\n");
    await new Promise(setImmediate);
    expect(lines).toEqual(["a", "b", "c"]);
    clock.advance(1_000);
    expect(said).toEqual([expect.stringContaining("dropped 2 lines (2 bytes)")]);
    pipe.end("f\n");
    await ended;
    expect(lines.at(-1)).toBe("f");
    expect(said).toHaveLength(1);
  });

  it("bounds bytes as well as lines", async () => {
    const { pipe, lines, ended } = read({ bytesPerSecond: 10 });
    pipe.end("12345678\n12345678\n1\n");
    await ended;
    expect(lines).toEqual(["12345678", "1"]);
  });

  it("leaves the pipe full for a while where too much comes, and takes it up again", async () => {
    const { pipe, clock } = read({ readBytesPerSecond: 100 });
    pipe.write("x".repeat(50));
    await new Promise(setImmediate);
    expect(pipe.isPaused()).toBe(true);
    clock.advance(100);
    expect(pipe.isPaused()).toBe(false);
  });
});

describe("Memory limits", () => {
  it("are read as Kubernetes writes them", () => {
    expect([parseQuantity("512Mi"), parseQuantity("1Gi"), parseQuantity("1.5G"), parseQuantity("128974848")]).toEqual([
      536_870_912, 1_073_741_824, 1_500_000_000, 128_974_848,
    ]);
    expect([parseQuantity("1e3"), parseQuantity("5k"), parseQuantity("500m")]).toEqual([1_000, 5_000, 0.5]);
    expect([parseQuantity("much"), parseQuantity("5Q"), parseQuantity(""), parseQuantity("-1")]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("leave a part of the memory to what is no heap", () => {
    expect(heapMib(512 * 1024 * 1024)).toBe(384);
    expect(heapMib(1024)).toBe(16);
  });
});
