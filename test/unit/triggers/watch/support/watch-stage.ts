/** One engine, its cluster, its store and its function, with time that passes when told to. */
import { silentLogger } from "../../../../../src/lib/logger.js";
import type { InvokeRequest } from "../../../../../src/invocations/invoke-request.js";
import type { TriggerCondition } from "../../../../../src/model/trigger.js";
import {
  WatchEngine,
  type WatchEngineOptions,
  type WatchedTrigger,
} from "../../../../../src/triggers/watch/watch-engine.js";
import { FakeClock } from "../../../poolmgr/support/fake-clock.js";
import { FakeCluster } from "./fake-cluster.js";
import { FakeStore } from "./fake-store.js";

export const aTrigger = (change: Partial<WatchedTrigger> = {}): WatchedTrigger => ({
  ...{ kind: "KUBERNETES_WATCH", id: "trigger", namespace: "default", name: "pods", revision: 1 },
  ...{ createdAt: new Date(0), updatedAt: new Date(0), functionId: "fn", functionVersionId: "one", enabled: true },
  ...{ apiVersion: "v1", objectKind: "Pod", watchNamespace: "n", labelSelector: null, fieldSelector: null },
  ...change,
});

export interface Call {
  readonly request: InvokeRequest;
  readonly signal: AbortSignal;
  answer(status: number): void;
  fail(error: Error): void;
}

export class WatchStage {
  readonly clock = new FakeClock();
  readonly cluster = new FakeCluster();
  readonly store = new FakeStore();
  triggers: WatchedTrigger[] = [aTrigger()];
  readonly statuses = new Map<string, readonly [TriggerCondition, string | null]>();
  isHeld = true;
  /** What the function answers at once; undefined: it takes its time, and `calls` has who waits. */
  status: number | undefined = 200;
  readonly calls: Call[] = [];
  /** All that was told, as "ADDED a". */
  readonly told: string[] = [];
  engine: WatchEngine;

  constructor(private readonly options: Partial<WatchEngineOptions> = {}) {
    this.engine = this.anEngine();
  }

  anEngine(): WatchEngine {
    return new WatchEngine({
      triggers: { load: async () => this.triggers },
      statuses: { report: ({ id }, condition, reason) => void this.statuses.set(id, [condition, reason]) },
      store: this.store,
      invoker: { call: (signal, request) => this.#call(request, signal) },
      cluster: async () => this.cluster,
      isHeld: () => this.isHeld,
      clock: this.clock,
      logger: silentLogger,
      random: () => 0.5,
      ...this.options,
    });
  }

  async start(): Promise<void> {
    this.engine.start();
    await this.pass();
  }

  /** Another process goes on, with what is in the store. */
  async restart(): Promise<void> {
    await this.stop();
    this.engine = this.anEngine();
    await this.start();
  }

  async stop(): Promise<void> {
    const stopped = this.engine.stop();
    await this.pass(20_000);
    await stopped;
  }

  /** Long enough for whatever follows at once, and too short for another attempt. */
  pass(ms = 200): Promise<void> {
    return this.clock.pass(ms);
  }

  /** What was told since the last time. */
  news(): string[] {
    return this.told.splice(0);
  }

  get condition(): TriggerCondition | undefined {
    return this.statuses.get("trigger")?.[0];
  }

  get reason(): string | null | undefined {
    return this.statuses.get("trigger")?.[1];
  }

  #call(request: InvokeRequest, signal: AbortSignal): Promise<{ httpStatus: number }> {
    const own = new Map(request.ownHeaders);
    this.told.push(`${own.get("X-Fermi-Event")} ${own.get("X-Fermi-Object-Name")}`);
    if (this.status !== undefined) return Promise.resolve({ httpStatus: this.status });
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error));
      const answer = (httpStatus: number): void => resolve({ httpStatus });
      this.calls.push({ request, signal, answer, fail: reject });
    });
  }
}
