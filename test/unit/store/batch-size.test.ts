import { beforeEach, describe, expect, it } from "@jest/globals";
import { QueryFailedError } from "typeorm";
import { BatchSize } from "../../../src/store/batch-size.js";
import { storeUnavailable } from "../../../src/store/store-error.js";
import { FakeClock } from "../poolmgr/support/fake-clock.js";

describe("BatchSize", () => {
  let clock: FakeClock;
  let batch: BatchSize;
  let tried: number[];
  const outOfTime = new QueryFailedError("DELETE", [], Object.assign(new Error("too long"), { code: "57014" }));
  beforeEach(() => {
    [clock, tried] = [new FakeClock(), []];
    batch = new BatchSize({ first: 100, most: 500 }, clock);
  });

  /** Rows that take a while each; more than 4 s of them run out of time. */
  const remove = (msOfRow: number, error: Error = outOfTime): Promise<number> =>
    batch.run(async (rows) => {
      tried.push(rows);
      await clock.pass(Math.min(rows * msOfRow, 4_000));
      if (rows * msOfRow > 4_000) throw error;
      return rows;
    });

  it("grows while rows are quick, up to a bound", async () => {
    for (let times = 0; times < 5; times++) await remove(1);
    expect(tried).toEqual([100, 200, 400, 500, 500]);
  });

  it("shrinks where it runs out of time, tries again at once, and stays where it gets on", async () => {
    expect(await remove(100)).toBe(25);
    expect(await remove(100)).toBe(25);
    expect(await remove(1_000, storeUnavailable(outOfTime))).toBe(2);
    expect(tried).toEqual([100, 25, 25, 25, 7, 2]);
  });

  it("gives up where one row takes too long, and where something else is in the way", async () => {
    await expect(remove(5_000)).rejects.toBe(outOfTime);
    expect(tried).toEqual([100, 25, 7, 2, 1]);
    const away = storeUnavailable(new Error("away"));
    await expect(remove(5_000, away)).rejects.toBe(away);
    expect(tried).toHaveLength(6);
  });
});
