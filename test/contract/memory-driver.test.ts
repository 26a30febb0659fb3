import { describe, expect, it } from "@jest/globals";
import type { RequestListener } from "node:http";
import type { SpecializeRequest } from "../../src/cluster/cluster-driver.js";
import { MemoryDriver } from "../../src/cluster/memory/memory-driver.js";
import type { Clock } from "../../src/lib/clock.js";
import { Changes } from "./changes.js";
import { aRequest, badSourceMessage, describeClusterDriver, printed } from "./cluster-driver.contract.js";
import { anEnvironment } from "./environments.js";

const hello: RequestListener = (_request, response) => void response.end("Hello");

function load({ code: { source } }: SpecializeRequest): RequestListener | Promise<RequestListener> {
  if (source === "bad") throw new Error(badSourceMessage);
  return source === "hanging" ? new Promise<RequestListener>(() => {}) : hello;
}

describeClusterDriver("memory", async () => {
  const driver: MemoryDriver = new MemoryDriver({ load, startDelayMs: 5 });
  const printing = driver.watch(({ instance, type }) => {
    if (type === "CHANGED" && instance.state === "READY") driver.print(instance.id, printed);
  });
  return {
    driver,
    goodSource: "good",
    badSource: "bad",
    hangingSource: "hanging",
    crash: (instance) => driver.crash(instance.id),
    unfillable: (environment) => environment,
    breakPool: (environment) => driver.breakPool(environment.id, "the image can't be pulled"),
    stop: async () => {
      void printing.stop();
      await driver.stop();
    },
  };
});

/** A clock whose timers fire when the test says so. */
class HandClock implements Clock {
  readonly #tasks: (() => void)[] = [];
  now = (): Date => new Date(0);
  monotonicMs = (): number => 0;
  after(_ms: number, task: () => void): { stop(): void } {
    this.#tasks.push(task);
    return { stop: () => {} };
  }
  fire(): void {
    for (const task of this.#tasks.splice(0)) task();
  }
}

describe("MemoryDriver", () => {
  const signal = new AbortController().signal;

  it("fills a pool within the call that ensures it", async () => {
    const driver = new MemoryDriver();
    const environment = anEnvironment({ poolSize: 3 });
    void driver.ensurePool(environment);
    const changes = new Changes(driver);
    expect(changes.of(environment.id, "WARM")).toHaveLength(3);
  });

  it("lets a start take as long as the clock says, and counts it as starting", async () => {
    const clock = new HandClock();
    const driver = new MemoryDriver({ clock, startDelayMs: 10 });
    const changes = new Changes(driver);
    const environment = anEnvironment({ poolSize: 1 });
    await driver.ensurePool(environment);
    const claimed = driver.claim(environment.id, signal);
    expect(changes.of(environment.id, "STARTING")).toHaveLength(2);
    clock.fire();
    expect((await claimed).state).toBe("SPECIALIZING");
    expect(changes.of(environment.id, "WARM")).toHaveLength(1);
  });

  it("hands nothing to a waiter that has left", async () => {
    const clock = new HandClock();
    const driver = new MemoryDriver({ clock, startDelayMs: 10 });
    const environment = anEnvironment({ poolSize: 0 });
    await driver.ensurePool(environment);
    const abort = new AbortController();
    const left = driver.claim(environment.id, abort.signal);
    const stays = driver.claim(environment.id, signal);
    abort.abort();
    await expect(left).rejects.toBe(abort.signal.reason);
    clock.fire();
    expect((await stays).state).toBe("SPECIALIZING");
  });

  it("lets a specialization take as long as the clock says", async () => {
    const clock = new HandClock();
    const driver = new MemoryDriver({ clock, specializeDelayMs: 10 });
    const environment = anEnvironment();
    await driver.ensurePool(environment);
    const changes = new Changes(driver);
    const instance = await driver.claim(environment.id, signal);
    const specialized = driver.specialize(instance, aRequest("x"), signal);
    expect(changes.of(environment.id, "READY")).toEqual([]);
    clock.fire();
    await specialized;
    expect(changes.of(environment.id, "READY")).toHaveLength(1);
    expect(driver.specializations).toHaveLength(1);
  });

  it("fails specializations as it is told", async () => {
    const driver = new MemoryDriver();
    const environment = anEnvironment();
    await driver.ensurePool(environment);
    const failure = new Error("as told");
    driver.failSpecializations(failure);
    const instance = await driver.claim(environment.id, signal);
    await expect(driver.specialize(instance, aRequest("x"), signal)).rejects.toBe(failure);
    driver.failSpecializations(null);
    await driver.specialize(instance, aRequest("x"), signal);
  });

  it("fills a broken pool again once it is mended", async () => {
    const driver = new MemoryDriver();
    const environment = anEnvironment({ poolSize: 1 });
    await driver.ensurePool(environment);
    driver.breakPool(environment.id, "no room");
    await driver.claim(environment.id, signal);
    await expect(driver.claim(environment.id, signal)).rejects.toThrow("no room");
    driver.breakPool(environment.id, null);
    await driver.claim(environment.id, signal);
  });

  it("lets requests of an ending instance finish within its grace, and breaks them after it", async () => {
    const held: (() => void)[] = [];
    let arrived = (): void => {};
    const slow: RequestListener = (_request, response) => {
      held.push(() => void response.end("done"));
      arrived();
    };
    const driver = new MemoryDriver({ load: () => slow });
    const environment = anEnvironment({ poolSize: 2 });
    await driver.ensurePool(environment);
    const call = async (): Promise<{ id: string; answer: Promise<Response> }> => {
      const instance = await driver.claim(environment.id, signal);
      await driver.specialize(instance, aRequest("x"), signal);
      const running = new Promise<void>((resolve) => (arrived = resolve));
      const answer = fetch(`http://${instance.address}/`);
      answer.catch(() => {});
      await running;
      return { id: instance.id, answer };
    };
    const graceful = await call();
    const ended = driver.end(graceful.id, 10_000);
    held.pop()!();
    expect(await (await graceful.answer).text()).toBe("done");
    await ended;
    const forced = await call();
    await driver.end(forced.id, 1);
    await expect(forced.answer).rejects.toThrow();
    await driver.stop();
  });

  it("refuses images as it is told", () => {
    const driver = new MemoryDriver({ refuseImage: (image) => (image === "no" ? "not that one" : undefined) });
    expect(driver.refuseImage("no")).toBe("not that one");
    expect(driver.refuseImage("yes")).toBeUndefined();
  });
});
