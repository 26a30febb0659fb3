import { describe, expect, it } from "@jest/globals";
import { FairQueue } from "../../../src/lib/fair-queue.js";

/** Tasks that end when told to, and the order in which they began. */
function stage(bounds: ConstructorParameters<typeof FairQueue>[0]) {
  const queue = new FairQueue(bounds);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const post = (key: string, name: string): boolean =>
    queue.post(key, () => {
      begun.push(name);
      return new Promise((resolve) => ends.set(name, resolve));
    });
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, begun, post, end };
}

describe("FairQueue", () => {
  it("runs no more at a time than it may, of one key either", async () => {
    const { begun, post, end } = stage({ running: 3, runningOfKey: 2, waiting: 10 });
    for (const name of ["a1", "a2", "a3", "b1", "b2"]) post(name[0] ?? "", name);
    expect(begun).toEqual(["a1", "a2", "b1"]);
    await end("b1");
    expect(begun).toEqual(["a1", "a2", "b1", "b2"]);
    await end("a1");
    expect(begun.at(-1)).toBe("a3");
  });

  it("lets keys take turns, and keeps the order within a key", async () => {
    const { begun, post, end } = stage({ running: 1, runningOfKey: 1, waiting: 10 });
    for (const name of ["a1", "a2", "a3", "b1", "b2"]) post(name[0] ?? "", name);
    for (const name of ["a1", "a2", "b1", "a3", "b2"]) await end(name);
    expect(begun).toEqual(["a1", "a2", "b1", "a3", "b2"]);
  });

  it("refuses where too many wait", () => {
    const { post } = stage({ running: 1, runningOfKey: 1, waiting: 1 });
    expect([post("a", "1"), post("a", "2"), post("a", "3")]).toEqual([true, true, false]);
  });

  it("is idle when nothing runs, and forgets what waits when told to", async () => {
    const { queue, begun, post, end } = stage({ running: 1, runningOfKey: 1, waiting: 5 });
    await queue.idle();
    post("a", "1");
    post("a", "2");
    queue.clear();
    const idle = queue.idle();
    await end("1");
    await idle;
    expect([begun, queue.running]).toEqual([["1"], 0]);
  });
});
