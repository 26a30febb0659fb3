import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { DueHeap } from "../../../../src/triggers/timer/due-heap.js";

describe("DueHeap", () => {
  it("gives back all that was put in, the earliest first", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (times) => {
        const heap = new DueHeap();
        for (const [index, atMs] of times.entries()) heap.push(String(index), atMs);
        const taken: number[] = [];
        for (let item = heap.pop(); item !== undefined; item = heap.pop()) taken.push(item.atMs);
        expect(taken).toEqual([...times].sort((a, b) => a - b));
        expect(heap.first()).toBeUndefined();
      }),
    );
  });
});
