/** The role `router` in several processes that share its port: this one takes the connections, its workers serve them. */
import type { Check } from "../../model/check.js";
import { addressForPeople } from "../address.js";
import { CountsOfWorkers, type CountedMetrics } from "../counted-metrics.js";
import type { Foundation } from "../foundation.js";
import { isAlone } from "../../config/contradictions.js";
import { checksOfWorkers } from "../workers/checks-of-workers.js";
import type { WorkerForks } from "../workers/worker-forks.js";
import { WorkerPool } from "../workers/worker-pool.js";
import type { RouterPart } from "./role.js";

const askWithinMs = 2_000;

export interface RouterWorkersNeeds {
  readonly count: number;
  readonly forks: WorkerForks;
  /** Where workers find the pool manager that leads. */
  readonly poolmgrUrls: () => readonly string[];
  /** All workers have taken up all changes up to this one. */
  readonly onSeen: (change: string) => void;
}

export class RouterWorkersRole implements RouterPart {
  readonly name = "router";
  /** Whoever waits does so in a worker. */
  readonly waiting = 0;
  readonly #pool: WorkerPool;
  readonly #count: number;
  readonly #counts = new CountsOfWorkers();
  #address = "";

  constructor(
    private readonly foundation: Foundation,
    { count, forks, poolmgrUrls, onSeen }: RouterWorkersNeeds,
  ) {
    const { config, store, secret, clock, logger, metrics, openFiles } = foundation;
    this.#count = count;
    this.#pool = new WorkerPool({
      ...{ count, forks, clock, logger, onSeen },
      settings: (number) => ({
        config: { ...config, databaseUrl: store.url, internalSecret: secret, poolmgrUrl: poolmgrUrls() },
        ...{ number, of: count },
      }),
      onEnded: (number) => void this.#counts.ended(number),
      page: () => metrics.render(),
      guard: openFiles.guardRouter,
    });
  }

  get address(): string {
    return this.#address;
  }

  async start(): Promise<void> {
    const { config, started } = this.foundation;
    started.push("router", () => this.#pool.stop(config.stopTimeoutSeconds * 1_000));
    const port = await this.#pool.start(config.host, config.routerPort, isAlone(config));
    this.#address = addressForPeople(config.host, port);
  }

  unready(): string | undefined {
    return this.#pool.unready;
  }

  drain(): void {
    this.#pool.drain();
  }

  async refresh(): Promise<void> {
    await this.#pool.ask("REFRESH", askWithinMs);
  }

  async checks(): Promise<Check[]> {
    const looks = await this.#pool.ask("LOOK", askWithinMs);
    return checksOfWorkers(
      looks.map(({ number, answer }) => ({ number, checks: answer.checks })),
      this.#count,
      this.#pool.unready,
    );
  }

  /** Who does not answer in time is counted as it was. */
  async counted(): Promise<CountedMetrics[]> {
    for (const { number, answer } of await this.#pool.ask("METRICS", askWithinMs)) this.#counts.said(number, answer);
    return this.#counts.all();
  }
}
