import { describe, expect, it } from "@jest/globals";
import { SingleFlight } from "../../../src/lib/single-flight.js";

const deferred = <T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } => {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((...settle) => ([resolve, reject] = settle));
  return { promise, resolve, reject };
};

describe("SingleFlight", () => {
  it("runs work once for all who ask meanwhile", async () => {
    const flights = new SingleFlight<number>();
    const result = deferred<number>();
    let runs = 0;
    const work = (): Promise<number> => {
      runs++;
      return result.promise;
    };
    const asked = [flights.do("a", work), flights.do("a", work), flights.do("a", work)];
    result.resolve(7);
    expect(await Promise.all(asked)).toEqual([7, 7, 7]);
    expect(runs).toBe(1);
  });

  it("keeps keys apart", async () => {
    const flights = new SingleFlight<string>();
    expect(await Promise.all([flights.do("a", async () => "A"), flights.do("b", async () => "B")])).toEqual(["A", "B"]);
  });

  it("runs again for who asks afterwards", async () => {
    const flights = new SingleFlight<number>();
    let runs = 0;
    await flights.do("a", async () => ++runs);
    expect(await flights.do("a", async () => ++runs)).toBe(2);
  });

  it("gives a failure to all who wait and does not remember it", async () => {
    const flights = new SingleFlight<number>();
    const result = deferred<number>();
    const asked = [flights.do("a", () => result.promise), flights.do("a", () => result.promise)];
    result.reject(new Error("no"));
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await flights.do("a", async () => 1)).toBe(1);
  });
});
