import { describe, expect, it } from "@jest/globals";
import { planConnections } from "../../../src/app/plan-connections.js";

describe("planConnections", () => {
  it("keeps descriptors for the process and its instances, and for each caller one to an instance", () => {
    expect(planConnections(1_024, 64)).toEqual({ api: 152, router: 228 });
    for (const [files, instances] of [
      [128, 0],
      [1_024, 0],
      [4_096, 64],
      [20_000, 500],
    ] as const) {
      const { api, router } = planConnections(files, instances);
      expect(api + 2 * router).toBeLessThanOrEqual(Math.max(files / 2, files - 96 - 5 * instances));
    }
  });

  it("has bounds of its own where there are descriptors enough", () => {
    expect(planConnections(1_048_576, 64)).toEqual({ api: 2_000, router: 10_000 });
    expect(planConnections(Infinity, 64)).toEqual({ api: 2_000, router: 10_000 });
  });

  it("leaves half of few descriptors to clients, however many instances there may be", () => {
    expect(planConnections(200, 64)).toEqual({ api: 25, router: 37 });
  });
});
