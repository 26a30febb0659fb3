import { describe, expect, it } from "@jest/globals";
import { AppError } from "../../../src/errors/app-error.js";
import { WriteQueue } from "../../../src/store/write-queue.js";

const away = (): AppError => new AppError("STORE_UNAVAILABLE", "away");

/** Work that ends when it is told to. */
function held(): { work: () => Promise<string>; end: (error?: Error) => void; hasBegun: () => boolean } {
  let hasBegun = false;
  let end: (error?: Error) => void = () => undefined;
  const ended = new Promise<string>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve("done") : reject(error));
  });
  const work = (): Promise<string> => {
    hasBegun = true;
    return ended;
  };
  return { work, end, hasBegun: () => hasBegun };
}

describe("WriteQueue", () => {
  it("runs one at a time, in order", async () => {
    const queue = new WriteQueue(10);
    const [first, second] = [held(), held()];
    const results = [queue.run(first.work), queue.run(second.work)];
    expect([first.hasBegun(), second.hasBegun()]).toEqual([true, false]);
    first.end();
    await results[0];
    second.end();
    expect(await Promise.all(results)).toEqual(["done", "done"]);
  });

  it("goes on after a write that was refused", async () => {
    const queue = new WriteQueue(10);
    const first = queue.run(() => Promise.reject(new AppError("CONFLICT", "stale")));
    const second = queue.run(() => Promise.resolve(2));
    await expect(first).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await second).toBe(2);
  });

  it("refuses all that wait once one finds the store away, and takes the next", async () => {
    const queue = new WriteQueue(10);
    const first = held();
    const results = [queue.run(first.work), queue.run(held().work), queue.run(held().work)].map((result) =>
      result.catch((error: unknown) => (error as AppError).code),
    );
    first.end(away());
    expect(await Promise.all(results)).toEqual(Array(3).fill("STORE_UNAVAILABLE"));
    expect(await queue.run(() => Promise.resolve("works"))).toBe("works");
  });

  it("refuses what goes beyond its capacity", async () => {
    const queue = new WriteQueue(1);
    const first = held();
    const running = queue.run(first.work);
    const waiting = queue.run(() => Promise.resolve(2));
    await expect(queue.run(() => Promise.resolve(3))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    first.end();
    expect(await Promise.all([running, waiting])).toEqual(["done", 2]);
  });
});
