import http from "node:http";
import { monitorEventLoopDelay, performance, type IntervalHistogram } from "node:perf_hooks";
import { expect } from "@jest/globals";
import { ask } from "../../router/support/http-client.js";
import type { Fermi } from "../../support/harness.js";

const everyMs = 25;
const slowMs = 1_000;

/** Another function, that is called at a steady rate whatever becomes of the calls, and must not notice what goes on. */
export class Neighbour {
  #timer: NodeJS.Timeout | undefined;
  #calls = 0;
  #slowestMs = 0;
  readonly #failures: string[] = [];
  readonly #underWay = new Set<Promise<void>>();
  readonly #agent = new http.Agent({ keepAlive: true });
  /** How long this process itself was held up, for which nobody else is to blame. */
  readonly #ownDelay: IntervalHistogram = monitorEventLoopDelay({ resolution: 10 });

  constructor(private readonly fermi: Fermi) {}

  async start(): Promise<void> {
    await this.#call();
    this.#slowestMs = 0;
    this.#ownDelay.enable();
    this.#timer = setInterval(() => {
      const call = this.#call();
      this.#underWay.add(call);
      void call.then(() => this.#underWay.delete(call));
    }, everyMs);
  }

  /** Since it was last asked: it was called, no call failed, and none took long. */
  async expectUnharmed(): Promise<void> {
    await Promise.all(this.#underWay);
    const limitMs = slowMs + this.#ownDelay.max / 1e6;
    expect({ failures: this.#failures.splice(0), wasCalled: this.#calls > 0 }).toEqual({
      failures: [],
      wasCalled: true,
    });
    expect(this.#slowestMs).toBeLessThan(limitMs);
    [this.#calls, this.#slowestMs] = [0, 0];
    this.#ownDelay.reset();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#ownDelay.disable();
    await Promise.all(this.#underWay);
    this.#agent.destroy();
  }

  async #call(): Promise<void> {
    const startedMs = performance.now();
    try {
      const { status, body } = await ask(Number(new URL(this.fermi.routerUrl).port), "/neighbour/", {
        agent: this.#agent,
      });
      if (status !== 200 || body !== "fine") this.#failures.push(`${status} ${body}`);
    } catch (error) {
      this.#failures.push(String(error));
    }
    this.#calls++;
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startedMs);
  }
}
