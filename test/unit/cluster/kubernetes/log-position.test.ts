import { describe, expect, it } from "@jest/globals";
import { dateOf, joinPieces, LogPosition, readStamped } from "../../../../src/cluster/kubernetes/log-position.js";

describe("A line of a pod's log", () => {
  it("has a time in nanoseconds and its text", () => {
    const line = readStamped("2026-01-02T03:04:05.000000123Z hello world");
    expect(line).toEqual({ ns: BigInt(Date.UTC(2026, 0, 2, 3, 4, 5)) * 1_000_000n + 123n, text: "hello world" });
    expect(dateOf(line!.ns)).toEqual(new Date("2026-01-02T03:04:05.000Z"));
  });

  it("is read in any zone, with any number of digits", () => {
    const utc = readStamped("2026-01-02T03:04:05.5Z x")!.ns;
    expect(readStamped("2026-01-02T05:04:05.500000000+02:00 x")!.ns).toBe(utc);
    expect(readStamped("2026-01-02T03:04:05Z x")!.ns).toBe(utc - 500_000_000n);
  });

  it("may be empty, or no such line", () => {
    expect(readStamped("2026-01-02T03:04:05Z ")?.text).toBe("");
    expect(readStamped("the rest of a long line")).toBeUndefined();
  });

  it("is whole again where the node has written it in pieces", () => {
    const stamp = "2026-01-02T03:04:05.000000123Z ";
    const [a, b, c] = ["a".repeat(16_384), "ü".repeat(8_192), "end"];
    expect(joinPieces(a + stamp + b + stamp + c)).toBe(a + b + c);
    expect(joinPieces(a + b + c)).toBe(a + b + c);
  });
});

describe("A reader's position", () => {
  const base = BigInt(Date.UTC(2026, 0, 2, 3, 4, 5)) * 1_000_000n;
  const read = (position: LogPosition, ...offsets: bigint[]): bigint[] =>
    offsets.filter((offset) => position.pass(base + offset));

  it("asks for all at first, then from the second of the last line on", () => {
    const position = new LogPosition();
    expect(position.sinceTime).toBeUndefined();
    read(position, 1_999_999_999n);
    expect(position.sinceTime).toBe("2026-01-02T03:04:06Z");
  });

  it("skips what it has passed when the log is read again, and nothing else", () => {
    const position = new LogPosition();
    position.rewind();
    expect(read(position, 1n, 2n, 3n)).toEqual([1n, 2n, 3n]);
    position.rewind();
    expect(read(position, 1n, 2n, 3n, 4n)).toEqual([4n]);
  });

  it("tells lines of the same nanosecond apart by their number", () => {
    const position = new LogPosition();
    read(position, 1n, 2n, 2n);
    position.rewind();
    expect(read(position, 1n, 2n, 2n, 2n, 3n)).toEqual([2n, 3n]);
  });

  it("takes a line of the other stream that is a moment older", () => {
    const position = new LogPosition();
    expect(read(position, 5n, 4n, 6n)).toEqual([5n, 4n, 6n]);
    position.rewind();
    expect(read(position, 5n, 4n, 6n, 7n)).toEqual([7n]);
  });

  it("goes on after what another has read, to the millisecond", () => {
    const position = LogPosition.after(new Date("2026-01-02T03:04:05.001Z"));
    position.rewind();
    expect(read(position, 0n, 1_999_998n, 2_000_000n)).toEqual([2_000_000n]);
  });
});
