import { describe, expect, it } from "@jest/globals";
import { SerialQueue } from "../../../src/lib/serial-queue.js";

const rethrow = (error: unknown): void => {
  throw error;
};

describe("SerialQueue", () => {
  it("runs a task before post returns when nothing else runs", () => {
    const ran: string[] = [];
    new SerialQueue(rethrow).post(() => void ran.push("a"));
    expect(ran).toEqual(["a"]);
  });

  it("runs what a task posts after that task, in order, never inside it", () => {
    const ran: string[] = [];
    const queue = new SerialQueue(rethrow);
    queue.post(() => {
      queue.post(() => {
        ran.push("c");
        queue.post(() => void ran.push("e"));
      });
      queue.post(() => void ran.push("d"));
      ran.push("a");
      ran.push("b");
    });
    expect(ran.join("")).toBe("abcde");
  });

  it("reports a task that throws and runs the others", () => {
    const errors: unknown[] = [];
    const ran: string[] = [];
    const queue = new SerialQueue((error) => void errors.push(error));
    queue.post(() => {
      queue.post(() => void ran.push("b"));
      throw new Error("a");
    });
    queue.post(() => void ran.push("c"));
    expect(errors).toEqual([new Error("a")]);
    expect(ran).toEqual(["b", "c"]);
  });

  it("does not grow the stack with the number of tasks that post the next", () => {
    const queue = new SerialQueue(rethrow);
    let left = 100_000;
    const again = (): void => {
      if (--left > 0) queue.post(again);
    };
    queue.post(again);
    expect(left).toBe(0);
  });
});
