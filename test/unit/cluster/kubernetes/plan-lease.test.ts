import { describe, expect, it } from "@jest/globals";
import { givenUp, isFree, look, takenBy, type Lease } from "../../../../src/cluster/kubernetes/plan-lease.js";

const lease = (resourceVersion: string, holderIdentity: string | null = "a", leaseDurationSeconds = 10): Lease => ({
  metadata: { name: "leader", resourceVersion },
  spec: { holderIdentity, leaseDurationSeconds },
});

describe("A lease", () => {
  it("is free where nobody holds it", () => {
    expect(isFree(look(undefined, { metadata: { name: "leader" } }, 0), 10, 0)).toBe(true);
    expect(isFree(look(undefined, givenUp(lease("1")), 0), 10, 0)).toBe(true);
  });

  it("is free once it has not changed for as long as its holder asked for, by the looker's clock", () => {
    const first = look(undefined, lease("1", "a", 4), 1_000);
    const again = look(first, lease("1", "a", 4), 4_000);
    expect(isFree(again, 10, 5_000)).toBe(false);
    expect(isFree(again, 10, 5_001)).toBe(true);
  });

  it("is not free after a renewal, however old the first look is", () => {
    const renewed = look(look(undefined, lease("1"), 0), lease("2"), 9_000);
    expect(isFree(renewed, 10, 12_000)).toBe(false);
  });

  it("counts who took it, and not who renewed it", () => {
    const now = new Date("2026-01-02T03:04:05.678Z");
    const taken = takenBy("b", lease("1"), now, 10);
    expect(taken).toEqual({
      metadata: { name: "leader", resourceVersion: "1" },
      spec: {
        holderIdentity: "b",
        leaseDurationSeconds: 10,
        acquireTime: "2026-01-02T03:04:05.678000Z",
        renewTime: "2026-01-02T03:04:05.678000Z",
        leaseTransitions: 1,
      },
    });
    const later = new Date("2026-01-02T03:04:07.000Z");
    expect(takenBy("b", taken, later, 10).spec).toMatchObject({
      acquireTime: "2026-01-02T03:04:05.678000Z",
      renewTime: "2026-01-02T03:04:07.000000Z",
      leaseTransitions: 1,
    });
  });
});
