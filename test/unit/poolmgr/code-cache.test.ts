import { describe, expect, it } from "@jest/globals";
import { CodeCache } from "../../../src/poolmgr/code-cache.js";
import { aCode } from "./support/builders.js";
import { settled } from "./support/fake-clock.js";
import { FakeSource } from "./support/fake-source.js";

const large = (id: string): ReturnType<typeof aCode> => aCode(id, 1, { source: "x".repeat(4_000) });

describe("CodeCache", () => {
  it("asks the source once for a version, also when several ask at once", async () => {
    const source = new FakeSource();
    const cache = new CodeCache(source, 100_000);
    const [first, second] = await Promise.all([cache.get("fn", 1), cache.get("fn", 1)]);
    expect(first).toBe(second);
    await cache.get("fn", 1);
    expect(source.asked).toEqual(["fn@1"]);
    expect(cache.peek("fn", 1)).toBe(first);
    expect(cache.peek("fn", 2)).toBeUndefined();
  });

  it("does not remember that there is no such version, nor a failure", async () => {
    const source = new FakeSource();
    const cache = new CodeCache(source, 100_000);
    source.codes.set("fn@1", null);
    expect(await cache.get("fn", 1)).toBeUndefined();
    source.failure = new Error("away");
    await expect(cache.get("fn", 1)).rejects.toThrow("away");
    source.failure = undefined;
    source.codes.delete("fn@1");
    expect(await cache.get("fn", 1)).toBeDefined();
  });

  it("stays within its bound in bytes, dropping what was used least recently", async () => {
    const source = new FakeSource();
    for (const id of ["a", "b", "c"]) source.codes.set(`${id}@1`, large(id));
    const cache = new CodeCache(source, 20_000);
    await cache.get("a", 1);
    await cache.get("b", 1);
    cache.peek("a", 1);
    await cache.get("c", 1);
    expect(["a", "b", "c"].map((id) => cache.peek(id, 1) !== undefined)).toEqual([true, false, true]);
  });

  it("fetches ahead in the background, a few at a time", async () => {
    let running = 0;
    let most = 0;
    const source = new FakeSource();
    const fetch = source.code.bind(source);
    source.code = async (functionId, version) => {
      most = Math.max(most, ++running);
      await settled();
      running--;
      return fetch(functionId, version);
    };
    const cache = new CodeCache(source, 1_000_000);
    for (let i = 0; i < 20; i++) cache.fetchAhead(`fn${i}`, 1, false);
    while (source.asked.length < 20 || running > 0) await settled();
    await settled();
    expect(most).toBe(4);
    expect(cache.peek("fn19", 1)).toBeDefined();
    cache.fetchAhead("fn19", 1, true);
    await settled();
    expect(source.asked).toHaveLength(20);
  });

  it("fetches what is new also when it is full, and the rest only while there is room", async () => {
    const source = new FakeSource();
    for (const id of ["a", "b", "c", "new"]) source.codes.set(`${id}@1`, large(id));
    const cache = new CodeCache(source, 19_000);
    for (const id of ["a", "b"]) cache.fetchAhead(id, 1, false);
    await settled();
    cache.fetchAhead("c", 1, false);
    await settled();
    expect(cache.peek("c", 1)).toBeUndefined();
    cache.fetchAhead("new", 1, true);
    await settled();
    expect(cache.peek("new", 1)).toBeDefined();
  });

  it("goes on fetching ahead after a failure", async () => {
    const source = new FakeSource();
    const cache = new CodeCache(source, 100_000);
    source.failure = new Error("away");
    for (let i = 0; i < 6; i++) cache.fetchAhead(`fn${i}`, 1, false);
    await settled();
    source.failure = undefined;
    cache.fetchAhead("fn0", 1, false);
    await settled();
    expect(cache.peek("fn0", 1)).toBeDefined();
  });
});
