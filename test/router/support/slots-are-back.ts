import { expect } from "@jest/globals";
import type { Stage } from "./router-stage.js";
import { until } from "./until.js";

/** Every slot is back: poolmgr is told of nothing in flight. */
export async function slotsAreBack(stage: Stage): Promise<void> {
  await until(
    "the last usage says 0",
    () =>
      stage.poolmgr
        .of("USAGE")
        .at(-1)
        ?.instances.every(({ inFlight }) => inFlight === 0) ?? false,
  );
  expect([...stage.recorder.running.values()].every((count) => count === 0)).toBe(true);
}
