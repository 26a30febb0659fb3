import type { MemoryDriver } from "../../../src/cluster/memory/memory-driver.js";
import type { Clock } from "../../../src/lib/clock.js";

/** What became of one request in an instance; NO_CONNECTION where that was dead already. */
export type Fate = "DONE" | "CRASHED" | "NO_CONNECTION";

interface Running {
  readonly functionId: string;
  readonly limit: number;
  /** How each request under way is cut off. */
  readonly requests: Set<() => void>;
  busiest: number;
  served: number;
}

/** What runs in the cluster's instances: each counts its requests, as a runtime does, and loses them when it dies. */
export class Runtimes {
  readonly #running = new Map<string, Running>();
  readonly #crashing = new Set<string>();
  /** Rules that were broken, in words: there must be none. */
  readonly broken: string[] = [];

  constructor(
    private readonly driver: MemoryDriver,
    private readonly clock: Clock,
  ) {
    driver.watch(({ type, instance }) => {
      if (type === "GONE") this.#end(instance.id);
      else if (instance.state === "READY" && instance.specializedFor !== null) {
        const { functionId, requestsPerInstance: limit } = instance.specializedFor;
        this.#running.set(instance.id, { functionId, limit, requests: new Set(), busiest: 0, served: 0 });
      }
    });
  }

  get ids(): string[] {
    return [...this.#running.keys()];
  }

  get inFlight(): number {
    return [...this.#running.values()].reduce((sum, { requests }) => sum + requests.size, 0);
  }

  /** Of a function's instances: how many requests each has had since it was asked last. */
  takeServed(functionId: string): number[] {
    const instances = [...this.#running.values()].filter((one) => one.functionId === functionId);
    return instances.map((one) => {
      const { served } = one;
      one.served = 0;
      return served;
    });
  }

  run(instanceId: string, workMs: number): Promise<Fate> {
    const running = this.#running.get(instanceId);
    if (running === undefined) return Promise.resolve("NO_CONNECTION");
    running.served++;
    return new Promise((resolve) => {
      const cut = (): void => end("CRASHED");
      const timer = this.clock.after(workMs, () => end("DONE"));
      const end = (fate: Fate): void => {
        timer.stop();
        running.requests.delete(cut);
        resolve(fate);
      };
      running.requests.add(cut);
      if (running.requests.size > running.limit) {
        this.broken.push(`an instance of ${running.functionId} has ${running.requests.size} of ${running.limit}`);
      }
    });
  }

  crash(instanceId: string): void {
    this.#crashing.add(instanceId);
    this.driver.crash(instanceId);
  }

  #end(id: string): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    this.#running.delete(id);
    if (running.requests.size > 0 && !this.#crashing.has(id)) {
      this.broken.push(`an instance of ${running.functionId} was ended under ${running.requests.size} requests`);
    }
    for (const cut of [...running.requests]) cut();
  }
}
