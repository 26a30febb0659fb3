import { beforeEach, describe, expect, it } from "@jest/globals";
import { AppError } from "../../../src/errors/app-error.js";
import { silentLogger } from "../../../src/lib/logger.js";
import { PoolKeeper } from "../../../src/poolmgr/pool-keeper.js";
import { anEnvironment } from "./support/builders.js";
import { FakeClock, settled } from "./support/fake-clock.js";

describe("PoolKeeper", () => {
  let failure: Error | undefined;
  let logged: object[];
  let attempts: number;
  let clock: FakeClock;
  let keeper: PoolKeeper;
  const driver = {
    ensurePool: (): Promise<void> => {
      attempts++;
      return failure === undefined ? Promise.resolve() : Promise.reject(failure);
    },
    removePool: (): Promise<void> => Promise.resolve(),
    health: () => [],
  };
  const refusal = (message: string): AppError =>
    new AppError("CLUSTER_UNAVAILABLE", message, { cause: new Error("the API's own words") });

  beforeEach(() => {
    [failure, logged, attempts] = [undefined, [], 0];
    clock = new FakeClock();
    const logger = { ...silentLogger, error: (fields: object) => void logged.push(fields) };
    keeper = new PoolKeeper(driver, clock, logger, () => {});
  });

  /** Until all pauses are over for sure. */
  const retry = async (times: number): Promise<void> => {
    for (let done = 0; done < times; done++) {
      keeper.keep([anEnvironment()], Infinity);
      await settled();
      await clock.pass(60_000);
    }
  };

  it("logs a refusal once for as long as its words stay, without a stack", async () => {
    failure = refusal("it refuses the template");
    await retry(4);
    expect(attempts).toBe(4);
    const words = { environmentId: "env", code: "CLUSTER_UNAVAILABLE", cause: "the API's own words" };
    expect(logged).toEqual([{ ...words, why: "it refuses the template" }]);
    failure = refusal("it has no such class");
    await retry(2);
    expect(logged.slice(1)).toEqual([{ ...words, why: "it has no such class" }]);
  });

  it("logs the same refusal again where the pool was well in between", async () => {
    failure = refusal("it refuses the template");
    await retry(1);
    failure = undefined;
    await retry(1);
    failure = refusal("it refuses the template");
    keeper.keep([anEnvironment({ image: "another" })], Infinity);
    await settled();
    expect(logged).toHaveLength(2);
  });

  it("logs what nobody has put in words with its stack", async () => {
    failure = new TypeError("x is not a function");
    await retry(2);
    expect(logged).toEqual([{ environmentId: "env", err: failure }]);
  });
});
