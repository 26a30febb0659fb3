import { describe, expect, it } from "@jest/globals";
import { Lanes, type Delivery } from "../../../../src/triggers/watch/lanes.js";
import { watchEvent, type WatchEvent, type WatchEventType } from "../../../../src/triggers/watch/watch-event.js";
import { FakeClock } from "../../poolmgr/support/fake-clock.js";

const event = (name: string, version: number, type: WatchEventType = "MODIFIED", uid = name): WatchEvent =>
  watchEvent(type, {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { uid, name, resourceVersion: String(version) },
  });

class Stage {
  readonly clock = new FakeClock();
  readonly open: { name: string; version: string; what: string; end(delivery: Delivery): void }[] = [];
  readonly left: [number, string | undefined][] = [];
  most = 0;
  readonly lanes = new Lanes<number>({
    clock: this.clock,
    random: () => 1,
    concurrency: 3,
    deliver: ({ type, metadata: { name, resourceVersion } }, attempt) =>
      new Promise((resolve) => {
        const call = {
          ...{ name, version: resourceVersion, what: `${type} ${resourceVersion}, attempt ${attempt}` },
          end: (delivery: Delivery) => {
            this.open.splice(this.open.indexOf(call), 1);
            resolve(delivery);
          },
        };
        this.open.push(call);
        this.most = Math.max(this.most, this.open.length);
      }),
    onLeft: (mark, told) => this.left.push([mark, told?.metadata.resourceVersion]),
  });

  async end(delivery: Delivery, at = 0): Promise<void> {
    this.open[at]!.end(delivery);
    await this.clock.pass(0);
  }
}

describe("Lanes", () => {
  it("tells of objects side by side up to a bound, and of one object in order", async () => {
    const stage = new Stage();
    for (let i = 1; i <= 3; i++) for (const name of ["a", "b", "c", "d", "e"]) stage.lanes.put(event(name, i), i);
    const told: string[] = [];
    while (stage.open.length > 0) {
      const names = stage.open.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      const at = told.length % stage.open.length;
      told.push(`${stage.open[at]!.name}${stage.open[at]!.version}`);
      await stage.end("SETTLED", at);
    }
    expect(stage.most).toBe(3);
    expect(told).toHaveLength(15);
    for (const name of ["a", "b", "c", "d", "e"]) {
      expect(told.filter((text) => text.startsWith(name))).toEqual([`${name}1`, `${name}2`, `${name}3`]);
    }
    expect(stage.lanes.bytes).toBe(0);
  });

  it("leaves nothing out as long as the function works", async () => {
    const stage = new Stage();
    for (let i = 1; i <= 3; i++) stage.lanes.put(event("a", i), i);
    for (let i = 1; i <= 3; i++) await stage.end("SETTLED");
    expect(stage.left).toEqual([
      [1, "1"],
      [2, "2"],
      [3, "3"],
    ]);
  });

  it("tells of the newest only where the function fails, and never changes what is being told", async () => {
    const stage = new Stage();
    stage.lanes.put(event("a", 1), 1);
    await stage.end("FAILED");
    stage.lanes.put(event("a", 2), 2);
    stage.lanes.put(event("a", 3), 3);
    await stage.clock.pass(1_000);
    expect(stage.open[0]!.version).toBe("3");
    stage.lanes.put(event("a", 4), 4);
    stage.lanes.put(event("a", 5), 5);
    await stage.end("SETTLED");
    await stage.end("SETTLED");
    expect(stage.left).toEqual([
      [1, undefined],
      [2, undefined],
      [4, undefined],
      [3, "3"],
      [5, "5"],
    ]);
  });

  it("tells of the newest after a failure, also where it came while that attempt went on", async () => {
    const stage = new Stage();
    stage.lanes.put(event("a", 1, "ADDED"), 1);
    stage.lanes.put(event("a", 2), 2);
    stage.lanes.put(event("a", 3), 3);
    await stage.end("FAILED");
    expect(stage.open).toEqual([]);
    await stage.clock.pass(1_000);
    expect(stage.open[0]!.what).toBe("ADDED 3, attempt 1");
    stage.lanes.put(event("a", 4, "DELETED"), 4);
    await stage.end("FAILED");
    await stage.clock.pass(2_000);
    expect(stage.open[0]!.what).toBe("DELETED 4, attempt 1");
    await stage.end("SETTLED");
    expect(stage.left).toEqual([
      [1, undefined],
      [2, undefined],
      [3, undefined],
      [4, "4"],
    ]);
    expect(stage.lanes.bytes).toBe(0);
  });

  it("tells that an object has gone before it tells of another of the same name", async () => {
    const stage = new Stage();
    stage.lanes.put(event("a", 1, "ADDED", "first"), 1);
    stage.lanes.put(event("a", 2, "DELETED", "first"), 2);
    stage.lanes.put(event("a", 3, "ADDED", "second"), 3);
    stage.lanes.put(event("a", 4, "MODIFIED", "second"), 4);
    await stage.end("FAILED");
    await stage.clock.pass(1_000);
    expect(stage.open[0]!.what).toBe("DELETED 2, attempt 1");
    await stage.end("SETTLED");
    expect(stage.open[0]!.what).toBe("ADDED 4, attempt 1");
  });

  it("tells of a newer state soon, however long the one before was to wait, and not at each change", async () => {
    const stage = new Stage();
    stage.lanes.put(event("a", 1), 1);
    for (let failures = 0; failures < 12; failures++) {
      await stage.end("FAILED");
      await stage.clock.pass(300_000);
    }
    await stage.end("FAILED");
    stage.lanes.put(event("a", 2), 2);
    await stage.clock.pass(1_000);
    expect(stage.open[0]!.what).toBe("MODIFIED 2, attempt 1");
    let attempts = 0;
    for (let version = 3; version < 603; version++) {
      stage.lanes.put(event("a", version), version);
      if (stage.open.length > 0) {
        await stage.end("FAILED");
        attempts++;
      }
      await stage.clock.pass(1_000);
    }
    expect(attempts).toBeGreaterThanOrEqual(600 / 30);
    expect(attempts).toBeLessThan(2 * (600 / 30));
  });

  it("waits longer after each failure, up to five minutes, and not at all once the function works again", async () => {
    const stage = new Stage();
    for (const name of ["a", "b", "c"]) stage.lanes.put(event(name, 1), 1);
    const pauses: number[] = [];
    for (let failures = 0; failures < 12; failures++) {
      while (stage.open.length > 0) await stage.end("FAILED");
      const beganMs = stage.clock.monotonicMs();
      while (stage.open.length === 0) await stage.clock.pass(500);
      pauses.push((stage.clock.monotonicMs() - beganMs) / 1_000);
    }
    expect(pauses.slice(0, 3)).toEqual([1, 2, 4]);
    expect(Math.max(...pauses)).toBe(300);
    await stage.end("FAILED", 0);
    await stage.end("FAILED", 0);
    await stage.end("SETTLED", 0);
    expect(stage.open).toHaveLength(2);
  });

  it("says when there is room, and lets nobody wait for it at its end", async () => {
    const stage = new Stage();
    stage.lanes.put(event("a", 1), 1);
    let hasRoom = false;
    const waiting = stage.lanes.room(() => 1).then(() => (hasRoom = true));
    await stage.clock.pass(0);
    expect(hasRoom).toBe(false);
    await stage.end("SETTLED");
    await waiting;
    stage.lanes.put(event("a", 2), 2);
    const stopped = stage.lanes.stop();
    await stage.lanes.room(() => 1);
    await stage.end("SETTLED");
    await stopped;
    stage.lanes.put(event("a", 3), 3);
    expect([stage.open, stage.left.length]).toEqual([[], 2]);
  });
});
