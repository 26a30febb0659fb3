import { describe, expect, it } from "@jest/globals";
import { ClaimQueue } from "../../../src/cluster/claim-queue.js";
import type { ClusterInstance } from "../../../src/cluster/cluster-driver.js";
import { FairClaims } from "../../../src/poolmgr/fair-claims.js";
import { settled } from "./support/fake-clock.js";

const instance = (id: string): ClusterInstance => ({ id }) as ClusterInstance;

/** A pool that gives what the test says, and who got it. */
const setUp = () => {
  const pool = new ClaimQueue<ClusterInstance>();
  const unclaimed: string[] = [];
  const claims = new FairClaims({ claim: (_id, signal) => pool.wait(signal) }, ({ id }) => unclaimed.push(id));
  const got: string[] = [];
  const claim = (functionId: string, signal = new AbortController().signal): void => {
    claims.claim("env", functionId, signal).then(
      ({ id }) => got.push(`${functionId}:${id}`),
      (error: unknown) => got.push(`${functionId}: ${(error as Error).message}`),
    );
  };
  const give = async (...ids: string[]): Promise<void> => {
    for (const id of ids) pool.next()?.(instance(id));
    await settled();
  };
  return { pool, unclaimed, got, claim, give };
};

describe("FairClaims", () => {
  it("lets functions take turns, each in order", async () => {
    const { got, claim, give, pool } = setUp();
    for (const id of ["a", "a", "a", "b", "b", "c"]) claim(id);
    expect(pool.size).toBe(6);
    await give("1", "2", "3", "4", "5", "6");
    expect(got).toEqual(["a:1", "b:2", "c:3", "a:4", "b:5", "a:6"]);
  });

  it("takes back as many claims as have been called off", async () => {
    const { got, claim, give, pool, unclaimed } = setUp();
    const abort = new AbortController();
    claim("a");
    claim("b", abort.signal);
    claim("a");
    abort.abort(new Error("not needed"));
    expect(pool.size).toBe(2);
    await give("1", "2");
    expect(got).toEqual(["b: not needed", "a:1", "a:2"]);
    claim("a", abort.signal);
    expect(pool.size).toBe(0);
    expect(unclaimed).toEqual([]);
  });

  it("hands what came of a claim at its last moment to another, or says that it is nobody's", async () => {
    const { got, claim, pool, unclaimed } = setUp();
    const abort = new AbortController();
    claim("a", abort.signal);
    claim("b");
    pool.next()?.(instance("1"));
    abort.abort(new Error("too late"));
    await settled();
    expect(got).toEqual(["a: too late", "b:1"]);
    expect(pool.size).toBe(0);
    const last = new AbortController();
    claim("a", last.signal);
    pool.next()?.(instance("2"));
    last.abort(new Error("too late"));
    await settled();
    expect(unclaimed).toEqual(["2"]);
  });

  it("refuses one for each claim that the pool refuses", async () => {
    const { got, claim, give, pool } = setUp();
    claim("a");
    claim("b");
    pool.refuseAll(new Error("no image"));
    await settled();
    expect(got).toEqual(["a: no image", "b: no image"]);
    claim("a");
    await give("1");
    expect(got.at(-1)).toBe("a:1");
  });
});
