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

  it("makes waiters wait a second at most while code that has answered crashes, one instance at a time", () => {
    const gate = new LaunchGate();
    const waits: number[] = [];
    let nowMs = 0;
    for (let crash = 0; crash < 8; crash++) {
      if (crash % 3 === 0) gate.answered();
      gate.crashed(lost, nowMs);
      gate.crashed(lost, nowMs);
      const verdict = gate.verdict(nowMs);
      if (verdict.kind !== "WAIT") throw new Error("need not wait");
      waits.push(verdict.ms);
      nowMs += verdict.ms;
      expect(gate.verdict(nowMs)).toEqual({ kind: "GO" });
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000]);
    expect(gate.atOnce).toBe(1);
    gate.steady();
    expect(gate.atOnce).toBe(Infinity);
  });

  it("refuses code that has answered once it crashes again and again without an answer", () => {
    const gate = new LaunchGate();
    gate.answered();
    let crashes = 0;
    let nowMs = 0;
    for (; gate.verdict(nowMs).kind !== "REFUSE"; crashes++) gate.crashed(lost, (nowMs += 1_000));
    expect(crashes).toBe(8 + 3);
    gate.answered();
    expect(gate.verdict(nowMs)).toEqual({ kind: "GO" });
  });

  it("makes waiters wait twice for code that crashes before it has answered, and refuses them from then on", () => {
    const gate = new LaunchGate();
    const verdicts = [0, 100, 300].map((nowMs) => {
      gate.crashed(lost, nowMs);
      return gate.verdict(nowMs);
    });
    expect(verdicts).toEqual([
      { kind: "WAIT", ms: 100 },
      { kind: "WAIT", ms: 200 },
      { kind: "REFUSE", ...lost, retryAfterMs: 400 },
    ]);
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
