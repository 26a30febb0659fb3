import { readFile } from "node:fs/promises";
import http from "node:http";
import { performance } from "node:perf_hooks";
import { expect } from "@jest/globals";
import { ask } from "../../router/support/http-client.js";
import type { Fermi } from "../../support/harness.js";

const everyMs = 50;
const slowMs = 1_000;

/** Answers which process it is. */
export const neighbourSource = "module.exports = async () => String(process.pid);";

/** Another function, that is called at a steady rate whatever becomes of the calls, and must not notice what goes on. */
export class Neighbour {
  #timer: NodeJS.Timeout | undefined;
  #calls = 0;
  #slowestMs = 0;
  #failures: string[] = [];
  #instance = "";
  #heldUpMs = 0;
  readonly #underWay = new Set<Promise<void>>();
  readonly #agent = new http.Agent({ keepAlive: true, maxFreeSockets: 2 });

  constructor(private readonly fermi: Fermi) {}

  async start(): Promise<void> {
    await this.#call();
    await this.#startAnew();
    this.#timer = setInterval(() => {
      const call = this.#call();
      this.#underWay.add(call);
      void call.then(() => this.#underWay.delete(call));
    }, everyMs);
  }

  /** Since it was last asked no call has failed, and none took long. */
  async expectUnharmed(): Promise<void> {
    if (this.#calls === 0) await this.#call();
    await Promise.all(this.#underWay);
    const heldUpMs = (await this.#machineHeldUpMs()) - this.#heldUpMs;
    const [failures, slowestMs] = [this.#failures, this.#slowestMs];
    await this.#startAnew();
    expect(failures).toEqual([]);
    expect(slowestMs).toBeLessThan(slowMs + heldUpMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
    this.#agent.destroy();
  }

  async #startAnew(): Promise<void> {
    [this.#failures, this.#calls, this.#slowestMs] = [[], 0, 0];
    this.#heldUpMs = await this.#machineHeldUpMs();
  }

  async #call(): Promise<void> {
    const startedMs = performance.now();
    try {
      const port = Number(new URL(this.fermi.routerUrl).port);
      const { status, body } = await ask(port, "/neighbour/", { agent: this.#agent });
      this.#instance ||= body;
      if (status !== 200 || body !== this.#instance) this.#failures.push(`${status} ${body}`);
    } catch (error) {
      this.#failures.push(String(error));
    }
    this.#calls++;
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startedMs);
  }

  /** How long those that take part have waited for a processor: that is others' doing, and no fault's. */
  async #machineHeldUpMs(): Promise<number> {
    const waits = [process.pid, this.fermi.process.pid, this.#instance].map(async (pid) => {
      const [, waitedNs = "0"] = (await readFile(`/proc/${pid}/schedstat`, "utf8").catch(() => "")).split(" ");
      return Number(waitedNs) / 1e6;
    });
    return (await Promise.all(waits)).reduce((sum, ms) => sum + ms, 0);
  }
}
