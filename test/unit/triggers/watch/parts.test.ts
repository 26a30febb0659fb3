/** The parts of watches that decide, each by itself. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { KnownObjects } from "../../../../src/triggers/watch/known-objects.js";
import { isNewer } from "../../../../src/triggers/watch/object-version.js";
import { keptMetadata, merge, watchEvent } from "../../../../src/triggers/watch/watch-event.js";
import { Watermark, type Move } from "../../../../src/triggers/watch/watermark.js";

const pod = (resourceVersion: string, uid = "u", name = "a") => ({
  ...{ apiVersion: "v1", kind: "Pod" },
  metadata: { uid, name, namespace: "n", resourceVersion },
});

describe("isNewer", () => {
  it.each([
    ["10", "9", true],
    ["9", "10", false],
    ["9", "9", false],
    ["90071992547409931", "90071992547409930", true],
    ["b", "a", true],
    ["a", "a", false],
    ["a", "5", true],
  ])("%s after %s: %s", (version, than, expected) => {
    expect(isNewer(version, than)).toBe(expected);
  });
});

describe("KnownObjects", () => {
  const known = (version: string, isGone = false) =>
    new KnownObjects(new Map([["u", { version, name: "n/a", isGone }]]));

  it("tells what is listed in another version, be it an older one after a backup was restored", () => {
    expect(known("5").present(pod("5"))).toBeUndefined();
    expect(known("5").present(pod("4"))).toBe("MODIFIED");
    expect(new KnownObjects(new Map()).present(pod("4"))).toBe("ADDED");
  });

  it("tells of what is back after its end was told", () => {
    expect(known("5", true).present(pod("5"))).toBe("ADDED");
    expect(known("5", true).happened("ADDED", pod("6"))).toBe("ADDED");
  });

  it("leaves out old events, and the end of what nobody was told of", () => {
    expect(known("5").happened("MODIFIED", pod("5"))).toBeUndefined();
    expect(known("5").happened("DELETED", pod("4"))).toBeUndefined();
    expect(known("5", true).happened("DELETED", pod("6"))).toBeUndefined();
    expect(new KnownObjects(new Map()).happened("DELETED", pod("6"))).toBeUndefined();
  });

  it("knows whose name another object has now", () => {
    expect(known("5").formerOf(pod("6", "other"))).toBe("u");
    expect(known("5").formerOf(pod("6"))).toBeUndefined();
    expect(known("5", true).formerOf(pod("6", "other"))).toBeUndefined();
  });

  it("forgets only what has gone", () => {
    const objects = known("5");
    objects.forget("u");
    expect(objects.living).toBe(1);
    objects.gone("u");
    expect([objects.living, objects.absent(new Set()), objects.allGone]).toEqual([0, [], ["u"]]);
    objects.forget("u");
    expect(objects.allGone).toEqual([]);
  });
});

describe("watchEvent", () => {
  it("tells of an object that was not told of yet that it is new, however old the news", () => {
    const [added, modified] = [watchEvent("ADDED", pod("1")), watchEvent("MODIFIED", pod("2"))];
    expect(merge(added, modified)).toEqual({ ...modified, type: "ADDED" });
    expect(merge(modified, watchEvent("DELETED", pod("3"))).type).toBe("DELETED");
  });

  it("keeps labels only where they are few", () => {
    const of = (value: string) => keptMetadata({ ...pod("1").metadata, labels: { a: value } });
    expect(of("x").labels).toEqual({ a: "x" });
    expect(of("x".repeat(5_000))).toEqual(pod("1").metadata);
  });
});

describe("Watermark", () => {
  it("stands at the last event before the first that is not settled, in whatever order they are", () => {
    const orders = fc.array(fc.nat(), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(orders, (picks) => {
        const moves: Move[] = [];
        const watermark = new Watermark((move) => moves.push(move));
        const open = picks.map((_, i) => ({ i, ticket: watermark.take(String(i + 1), [`gone ${i}`]) }));
        const left = new Set(open.map(({ i }) => i));
        for (const pick of picks) {
          const [next] = open.splice(pick % open.length, 1);
          left.delete(next!.i);
          watermark.settle(next!.ticket);
          const firstLeft = Math.min(...left, picks.length);
          expect(moves.at(-1)?.position ?? "0").toBe(String(firstLeft));
          expect(moves.flatMap(({ gone }) => gone)).toHaveLength(firstLeft);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("is not moved by a list until that is complete", () => {
    const moves: Move[] = [];
    const watermark = new Watermark((move) => moves.push(move));
    const item = watermark.take(null, ["x"]);
    watermark.settle(item);
    expect(moves).toEqual([]);
    watermark.pass("7");
    expect(moves).toEqual([{ position: "7", gone: ["x"] }]);
  });

  it("is given up where one event holds too many up", () => {
    const moves: Move[] = [];
    const watermark = new Watermark((move) => moves.push(move), 100);
    const stuck = watermark.take("1");
    for (let i = 2; i < 103; i++) watermark.pass(String(i), [`u${i}`]);
    expect(moves).toHaveLength(1);
    expect(moves[0]!.position).toBeNull();
    expect(moves[0]!.gone).toHaveLength(101);
    watermark.settle(stuck);
    expect(moves.at(-1)).toEqual({ position: "102", gone: [] });
  });
});
