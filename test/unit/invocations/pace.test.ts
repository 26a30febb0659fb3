import { beforeEach, describe, expect, it } from "@jest/globals";
import { Paces } from "../../../src/invocations/pace.js";

describe("the pace of a function", () => {
  let nowMs: number;
  let paces: Paces;
  beforeEach(() => {
    nowMs = 0;
    paces = new Paces(() => nowMs, 8);
  });
  const once = (felt: Parameters<Paces["end"]>[1]): void => {
    paces.begin("f");
    paces.end("f", felt);
  };

  it("begins with few, and grows with each attempt that found an instance ready, up to a bound", () => {
    expect(paces.limit("f")).toBe(4);
    once({ waitMs: 0 });
    expect(paces.limit("f")).toBe(5);
    for (let count = 0; count < 10; count++) once({ waitMs: 1 });
    expect(paces.limit("f")).toBe(8);
  });

  it("does not grow by attempts that started an instance, and shrinks by those that waited for one to be free", () => {
    once({ waitMs: 900, coldStart: true });
    expect(paces.limit("f")).toBe(4);
    once({ waitMs: 900 });
    expect(paces.limit("f")).toBe(3);
    for (let count = 0; count < 10; count++) once({ waitMs: 900 });
    expect(paces.limit("f")).toBe(1);
  });

  it("is halved where there is no room, once for all that are refused together, after a pause", () => {
    for (let count = 0; count < 3; count++) paces.begin("f");
    for (let count = 0; count < 3; count++) paces.end("f", { pauseMs: 1_000 });
    expect(paces.limit("f")).toBe(0);
    expect(paces.limit("other")).toBe(4);
    nowMs = 1_001;
    expect(paces.limit("f")).toBe(2);
  });

  it("counts what runs, and is forgotten a minute after the last attempt", () => {
    once({ waitMs: 0 });
    paces.begin("f");
    expect(paces.running("f")).toBe(1);
    nowMs = 120_000;
    paces.sweep();
    expect(paces.running("f")).toBe(1);
    paces.end("f", {});
    paces.sweep();
    expect([paces.running("f"), paces.limit("f")]).toEqual([0, 4]);
  });
});
