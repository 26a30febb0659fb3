import { describe, expect, it } from "@jest/globals";
import { MemoryDriver } from "../../../src/cluster/memory/memory-driver.js";
import { FencedDriver } from "../../../src/poolmgr/fenced-driver.js";
import { anEnvironment } from "./support/builders.js";

const { signal } = new AbortController();
const request = {
  ...{ function: { id: "fn", name: "hello", namespace: "default" }, version: 1, entrypoint: null, variables: [] },
  ...{ requestsPerInstance: 1, key: "k", code: { source: "", sha256: "" } },
};
const refused = { code: "CLUSTER_UNAVAILABLE", message: "This pool manager does not lead any more." };

describe("FencedDriver", () => {
  it("acts while this process leads, and refuses every action from then on", async () => {
    const driver = new MemoryDriver();
    let isHeld = true;
    const fenced = new FencedDriver(driver, () => isHeld);
    await fenced.ensurePool(anEnvironment({ poolSize: 2 }));
    const [ready, claimed] = [await fenced.claim("env", signal), await fenced.claim("env", signal)];
    await fenced.specialize(ready, request, signal);
    const states = (): string[] => {
      const found: string[] = [];
      void fenced.watch(({ instance }) => void found.push(instance.state)).stop();
      return found.sort();
    };
    const before = states();
    expect(before).toEqual(["READY", "SPECIALIZING", "WARM", "WARM"]);
    isHeld = false;
    const actions = [
      fenced.ensurePool(anEnvironment({ poolSize: 9 })),
      fenced.removePool("env"),
      fenced.claim("env", signal),
      fenced.specialize(claimed, request, signal),
      fenced.end(ready.id, 0),
    ];
    for (const action of actions) await expect(action).rejects.toMatchObject(refused);
    expect(states()).toEqual(before);
    expect(fenced.health()).toEqual([{ environmentId: "env", problem: null }]);
    await driver.stop();
  });

  it("gives no instance to who lost the lead while waiting for it", async () => {
    const driver = new MemoryDriver();
    let isHeld = true;
    const fenced = new FencedDriver(driver, () => isHeld);
    await fenced.ensurePool(anEnvironment({ poolSize: 0 }));
    const claim = fenced.claim("env", signal);
    isHeld = false;
    await expect(claim).rejects.toMatchObject(refused);
    await driver.stop();
  });
});
