/**
 * What Prometheus is told at /metrics. Everything counted here costs a constant amount of work when it happens; what can be
 * looked up is looked up when it is asked for. A registry of its own: two servers in one process do not mix.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ErrorCode } from "../errors/codes.js";
import type { RecorderMetrics } from "../invocations/recorder.js";
import type { LineDropReason, LogSinkMetrics } from "../logs/log-sink.js";
import type { Pool } from "../model/instance.js";
import { instanceStates } from "../model/instance-state.js";
import type { Invocation } from "../model/invocation.js";
import type { PoolMetrics } from "../poolmgr/pool-metrics.js";
import type { SocketMetrics } from "./graphql-websocket.js";
import { addUp, type CountedMetrics } from "./counted-metrics.js";
import { InvocationTally } from "./invocation-tally.js";
import { FunctionLabels, type FunctionLabel, type FunctionName } from "./function-labels.js";

/** What is looked up at each scrape. */
export interface MetricSources {
  pools(): readonly Pool[];
  environmentName(environmentId: string): string | undefined;
  /** The function's name where it is known; its requests count as of "other" where not. */
  functionName(functionId: string): FunctionName | undefined;
  /** Requests of all functions that wait for an instance. */
  waiting(): number;
  /** What other processes have counted that are one with this one; none in most cases. */
  elsewhere(): Promise<readonly CountedMetrics[]>;
}

/** The label values of functions beyond the first thousand. */
const maxFunctions = 1_000;
const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const perFunction = ["namespace", "function"] as const;
type PerFunction = (typeof perFunction)[number];

export class Metrics implements RecorderMetrics, LogSinkMetrics, PoolMetrics, SocketMetrics {
  readonly #registry = new Registry();
  readonly #labels = new FunctionLabels(maxFunctions);
  readonly #inFlight = new Map<string, number>();
  readonly #invocations = new InvocationTally({
    registry: this.#registry,
    labels: this.#labels,
    boundsSeconds: durationBuckets,
  });
  readonly #coldWaits = this.#histogram(
    "fermi_cold_wait_duration_seconds",
    "How long invocations that started cold waited for their instance.",
  );
  readonly #coldStarts = this.#histogram(
    "fermi_cold_start_duration_seconds",
    "From asking for one more instance of a function until it could serve.",
  );
  readonly #instanceFailures = this.#counter(
    "fermi_instance_failures_total",
    "Instances that could not be added, or were lost.",
    [...perFunction, "code"],
  );
  readonly #claimsWaiting = new Gauge({
    name: "fermi_waiting_claims",
    help: "Cold starts that wait for a warm instance.",
    registers: [this.#registry],
  });
  readonly #recordsWritten = this.#counter("fermi_records_written_total", "Invocations recorded one by one.");
  readonly #recordsDropped = this.#counter("fermi_records_dropped_total", "Records that found no room.");
  readonly #recordsSampledOut = this.#counter(
    "fermi_records_sampled_out_total",
    "Warm successes that were counted, but not recorded one by one, as there were too many.",
  );
  readonly #linesWritten = this.#counter("fermi_log_lines_written_total", "Log lines stored.");
  readonly #linesDropped = this.#counter("fermi_log_lines_dropped_total", "Log lines that were not stored.", [
    "reason",
  ]);
  readonly #slowSockets = this.#counter(
    "fermi_slow_websockets_total",
    "WebSockets of the API that were ended, because their clients did not read what was sent.",
  );

  constructor(private readonly sources: MetricSources) {
    collectDefaultMetrics({ register: this.#registry });
    this.lookedUp("fermi_in_flight_requests", "Requests that were accepted and have not ended.", perFunction, (gauge) =>
      this.#tellInFlight(gauge),
    );
    this.lookedUp("fermi_waiting_requests", "Requests that wait for an instance.", [], (gauge) =>
      gauge.set(sources.waiting()),
    );
    this.lookedUp("fermi_instances", "Instances by environment and state.", ["environment", "state"], (gauge) =>
      this.#tellInstances(gauge),
    );
  }

  invocation(invocation: Invocation, of: FunctionName): void {
    this.#invocations.add(invocation, of);
    if (!invocation.coldStart || invocation.waitMs === null) return;
    this.#coldWaits.observe(this.#labels.of(of), invocation.waitMs / 1_000);
  }

  inFlight(functionId: string, difference: 1 | -1): void {
    const count = (this.#inFlight.get(functionId) ?? 0) + difference;
    if (count === 0) this.#inFlight.delete(functionId);
    else this.#inFlight.set(functionId, count);
  }

  coldStart(functionId: string, durationMs: number): void {
    this.#coldStarts.observe(this.#labelOf(functionId), durationMs / 1_000);
  }

  failure(functionId: string, code: ErrorCode): void {
    this.#instanceFailures.inc({ ...this.#labelOf(functionId), code });
  }

  claimsWaiting(count: number): void {
    this.#claimsWaiting.set(count);
  }

  recordsWritten(count: number): void {
    this.#recordsWritten.inc(count);
  }

  recordsDropped(count: number): void {
    this.#recordsDropped.inc(count);
  }

  recordsSampledOut(count: number): void {
    this.#recordsSampledOut.inc(count);
  }

  logLinesWritten(count: number): void {
    this.#linesWritten.inc(count);
  }

  logLinesDropped(count: number, reason: LineDropReason): void {
    this.#linesDropped.inc({ reason }, count);
  }

  slowSocketEnded(): void {
    this.#slowSockets.inc();
  }

  /** As it is now, of this process alone. */
  counted(): Promise<CountedMetrics> {
    return this.#registry.getMetricsAsJSON();
  }

  /** A gauge that is told anew at each scrape; a `tell` that rejects would take the whole page with it. */
  lookedUp<T extends string>(
    name: string,
    help: string,
    labelNames: readonly T[],
    tell: (gauge: Gauge<T>) => void | Promise<void>,
  ): void {
    const registers = [this.#registry];
    new Gauge<T>({
      name,
      help,
      labelNames: [...labelNames],
      registers,
      collect() {
        this.reset();
        return tell(this);
      },
    });
  }

  /** The page as it is now. */
  async render(): Promise<{ contentType: string; body: string }> {
    const others = await this.sources.elsewhere();
    const registry = others.length === 0 ? this.#registry : addUp([await this.counted(), ...others]);
    return { contentType: registry.contentType, body: await registry.metrics() };
  }

  #tellInFlight(gauge: Gauge<PerFunction>): void {
    for (const [functionId, count] of this.#inFlight) {
      gauge.inc(this.#labelOf(functionId), count);
    }
  }

  #labelOf(functionId: string): FunctionLabel {
    return this.#labels.of(this.sources.functionName(functionId));
  }

  #tellInstances(gauge: Gauge<"environment" | "state">): void {
    for (const { environmentId, instances } of this.sources.pools()) {
      const environment = this.sources.environmentName(environmentId) ?? environmentId;
      for (const state of instanceStates) gauge.inc({ environment, state }, 0);
      for (const { state } of instances) gauge.inc({ environment, state });
    }
  }

  #counter<T extends string = never>(name: string, help: string, labelNames: readonly T[] = []): Counter<T> {
    return new Counter({ name, help, labelNames: [...labelNames], registers: [this.#registry] });
  }

  #histogram(name: string, help: string): Histogram<PerFunction> {
    const options = { name, help, labelNames: perFunction, buckets: durationBuckets };
    return new Histogram({ ...options, registers: [this.#registry] });
  }
}
