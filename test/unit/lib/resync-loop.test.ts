import { describe, expect, it } from "@jest/globals";
import { ResyncLoop } from "../../../src/lib/resync-loop.js";
import { FakeClock, settled } from "../poolmgr/support/fake-clock.js";

/** Work that ends when told to. */
class Work {
  runs = 0;
  active = 0;
  #end: ((error?: Error) => void) | undefined;

  readonly run = async (): Promise<void> => {
    this.runs++;
    this.active++;
    const error = await new Promise<Error | undefined>((resolve) => (this.#end = resolve));
    this.active--;
    if (error !== undefined) throw error;
  };

  async end(error?: Error): Promise<void> {
    this.#end?.(error);
    await settled();
  }
}

describe("ResyncLoop", () => {
  it("runs at once when asked, and again when asked meanwhile, never twice at a time", async () => {
    const work = new Work();
    const loop = new ResyncLoop(work.run, 1_000, new FakeClock());
    void loop.ask();
    void loop.ask();
    void loop.ask();
    expect(work.runs).toBe(1);
    await work.end();
    expect(work.runs).toBe(2);
    expect(work.active).toBe(1);
    await work.end();
    expect(work.runs).toBe(2);
  });

  it("answers who asked meanwhile only after a run that began later", async () => {
    const work = new Work();
    const loop = new ResyncLoop(work.run, 1_000, new FakeClock());
    void loop.ask();
    let isAnswered = false;
    void loop.ask().then(() => (isAnswered = true));
    await work.end();
    expect(isAnswered).toBe(false);
    await work.end();
    expect(isAnswered).toBe(true);
  });

  it("runs by itself after a while, and counts that anew from each run", async () => {
    const clock = new FakeClock();
    let runs = 0;
    const loop = new ResyncLoop(
      async () => {
        runs++;
      },
      1_000,
      clock,
    );
    await loop.ask();
    await clock.pass(999);
    expect(runs).toBe(1);
    await loop.ask();
    await clock.pass(999);
    expect(runs).toBe(2);
    await clock.pass(1);
    expect(runs).toBe(3);
    await loop.stop();
  });

  it("tries again soon after a failure, with a growing pause, and resolves all the same", async () => {
    const clock = new FakeClock();
    const at: number[] = [];
    const loop = new ResyncLoop(
      async () => {
        at.push(clock.monotonicMs());
        if (at.length < 4) throw new Error("away");
      },
      60_000,
      clock,
    );
    await loop.ask();
    await clock.pass(59_000);
    expect(at).toEqual([0, 100, 300, 700]);
    await loop.stop();
  });

  it("waits for a run under way when stopped, and never runs again", async () => {
    const clock = new FakeClock();
    const work = new Work();
    const loop = new ResyncLoop(work.run, 1_000, clock);
    void loop.ask();
    void loop.ask();
    let isStopped = false;
    void loop.stop().then(() => (isStopped = true));
    await settled();
    expect(isStopped).toBe(false);
    await work.end();
    expect(isStopped).toBe(true);
    await loop.ask();
    await clock.pass(10_000);
    expect(work.runs).toBe(1);
    expect(clock.timers).toBe(0);
  });
});
