import { describe, expect, it } from "@jest/globals";
import { LaunchGate } from "../../../src/poolmgr/launch-gate.js";

const lost = { code: "CLUSTER_UNAVAILABLE", message: "gone" } as const;

describe("LaunchGate", () => {
  it("lets everything pass at first", () => {
    const gate = new LaunchGate();
    expect(gate.verdict(0)).toEqual({ kind: "GO" });
    expect(gate.atOnce).toBe(Infinity);
    expect(gate.mayLaunchUnasked).toBe(true);
  });

  it("refuses code that does not load for 10 s, doubling to 5 minutes", () => {
    const gate = new LaunchGate();
    const pauses: number[] = [];
    let nowMs = 0;
    for (let attempt = 0; attempt < 7; attempt++) {
      gate.loadFailed("line 3", nowMs);
      const verdict = gate.verdict(nowMs);
      if (verdict.kind !== "REFUSE") throw new Error("was not refused");
      expect(verdict).toMatchObject({ code: "LOAD_FAILED", message: "line 3" });
      pauses.push(verdict.retryAfterMs / 1_000);
      nowMs += verdict.retryAfterMs;
      expect(gate.verdict(nowMs)).toEqual({ kind: "GO" });
    }
    expect(pauses).toEqual([10, 20, 40, 80, 160, 300, 300]);
  });

  it("forgets what happened in an environment that was another", () => {
    const gate = new LaunchGate().in("a");
    gate.loadFailed("line 3", 0);
    for (let at = 0; at < 1_000_000; at += 50_000) gate.lost(lost, at);
    expect(gate.in("a").verdict(0)).toMatchObject({ code: "LOAD_FAILED" });
    expect(gate.in(undefined).verdict(0)).toMatchObject({ code: "LOAD_FAILED" });
    expect(gate.in("b").verdict(0)).toEqual({ kind: "GO" });
    expect([gate.atOnce, gate.mayLaunchUnasked]).toEqual([Infinity, true]);
    gate.loadFailed("line 3", 0);
    expect(gate.in("b").verdict(0)).toMatchObject({ code: "LOAD_FAILED" });
  });

  it("counts instances that fail to load together once, and remembers the last message", () => {
    const gate = new LaunchGate();
    gate.loadFailed("a", 0);
    gate.loadFailed("b", 1);
    expect(gate.verdict(1)).toMatchObject({ message: "b", retryAfterMs: 9_999 });
  });

  it("tries one instance at a time, and only when asked, until the code has loaded", () => {
    const gate = new LaunchGate();
    gate.loadFailed("a", 0);
    expect([gate.atOnce, gate.mayLaunchUnasked]).toEqual([1, false]);
    gate.loaded();
    expect([gate.atOnce, gate.mayLaunchUnasked]).toEqual([Infinity, true]);
    expect(gate.verdict(1)).toEqual({ kind: "GO" });
  });

  it("makes waiters wait twice for lost instances and refuses them from then on", () => {
    const gate = new LaunchGate();
    gate.lost(lost, 0);
    gate.lost(lost, 0);
    expect(gate.verdict(0)).toEqual({ kind: "WAIT", ms: 100 });
    gate.lost(lost, 100);
    expect(gate.verdict(100)).toEqual({ kind: "WAIT", ms: 200 });
    expect(gate.atOnce).toBe(Infinity);
    gate.lost(lost, 300);
    expect(gate.verdict(300)).toEqual({ kind: "REFUSE", ...lost, retryAfterMs: 400 });
    expect(gate.atOnce).toBe(1);
    expect(gate.verdict(700)).toEqual({ kind: "GO" });
  });

  it("never waits longer than 30 s for lost instances, and not at all once one was steady", () => {
    const gate = new LaunchGate();
    let nowMs = 0;
    for (let i = 0; i < 20; i++) gate.lost(lost, (nowMs += 30_000));
    expect(gate.verdict(nowMs)).toMatchObject({ retryAfterMs: 30_000 });
    gate.steady();
    expect(gate.verdict(nowMs)).toEqual({ kind: "GO" });
  });
});
