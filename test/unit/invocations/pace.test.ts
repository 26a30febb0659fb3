import { beforeEach, describe, expect, it } from "@jest/globals";
import { Paces, type Step } from "../../../src/invocations/pace.js";

describe("the pace of a function", () => {
  let nowMs: number;
  let paces: Paces;
  beforeEach(() => {
    nowMs = 0;
    paces = new Paces(() => nowMs, 8);
  });
  const once = (felt: Parameters<Step["end"]>[0]): void => paces.begin("f").end(felt);

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

  it("grows by attempts that go on for a while, once each, and not while others wait for room", () => {
    paces = new Paces(() => nowMs, 100);
    const steps = [1, 2, 3, 4].map(() => paces.begin("f"));
    for (const step of steps.slice(0, 3)) step.hasRoom();
    nowMs = 1_000;
    expect(paces.limit("f")).toBe(4);
    steps[3]?.hasRoom();
    expect(paces.limit("f")).toBe(7);
    nowMs = 2_000;
    expect(paces.limit("f")).toBe(8);
    for (const step of steps) step.end({ waitMs: 0 });
    expect(paces.limit("f")).toBe(8);
    expect(paces.running("f")).toBe(0);
  });

  it("is as slow as it was where attempts never tell that they have begun", () => {
    for (let count = 0; count < 4; count++) paces.begin("f");
    nowMs = 60_000;
    expect(paces.limit("f")).toBe(4);
  });

  it("is halved where there is no room, once for all that are refused together, after a pause", () => {
    const three = [1, 2, 3].map(() => paces.begin("f"));
    for (const step of three) step.end({ pauseMs: 1_000 });
    expect(paces.limit("f")).toBe(0);
    expect(paces.limit("other")).toBe(4);
    nowMs = 1_001;
    expect(paces.limit("f")).toBe(2);
  });

  it("counts what runs, and is forgotten a minute after the last attempt", () => {
    once({ waitMs: 0 });
    const step = paces.begin("f");
    expect(paces.running("f")).toBe(1);
    nowMs = 120_000;
    paces.sweep();
    expect(paces.running("f")).toBe(1);
    step.end({});
    paces.sweep();
    expect([paces.running("f"), paces.limit("f")]).toEqual([0, 4]);
  });
});
