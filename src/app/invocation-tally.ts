/**
 * What Prometheus is told of invocations, counted at the cost of a few additions each: the client library looks labels up
 * by text and checks them at every count, so it gets sums, when it asks for them.
 */
import type { Counter, MetricObjectWithValues, MetricValueWithName, Registry } from "prom-client";
import type { Invocation, InvocationStatus } from "../model/invocation.js";
import type { FunctionLabel, FunctionLabels, FunctionName } from "./function-labels.js";

type Values = readonly MetricValueWithName<string>[];

interface Tally {
  readonly label: FunctionLabel;
  readonly byStatus: Map<InvocationStatus, number>;
  /** How many lasted up to each bound and longer than the one before; the last one is of those beyond all bounds. */
  readonly durations: number[];
  durationSumMs: number;
}

export interface TallyOptions {
  readonly registry: Registry;
  readonly labels: FunctionLabels;
  /** Upper bounds of durations, ascending. */
  readonly boundsSeconds: readonly number[];
}

const countName = "fermi_invocations_total";
const durationName = "fermi_invocation_duration_seconds";

export class InvocationTally {
  readonly #labels: FunctionLabels;
  readonly #boundsSeconds: readonly number[];
  readonly #boundsMs: readonly number[];
  readonly #byLabel = new Map<FunctionLabel, Tally>();
  /** Routes hand over the same object again and again. */
  readonly #byName = new WeakMap<FunctionName, Tally>();

  constructor({ registry, labels, boundsSeconds }: TallyOptions) {
    this.#labels = labels;
    this.#boundsSeconds = boundsSeconds;
    this.#boundsMs = boundsSeconds.map((bound) => bound * 1_000);
    const tallies = (): readonly Tally[] => [...this.#byLabel.values()];
    tell(registry, { type: "counter", name: countName, help: "Invocations that ended." }, () =>
      tallies().flatMap(counts),
    );
    const help = "From an invocation's acceptance to its last byte.";
    tell(registry, { type: "histogram", name: durationName, help }, () =>
      tallies().flatMap((tally) => this.#distribution(tally)),
    );
  }

  add({ status, durationMs }: Invocation, of: FunctionName): void {
    const tally = this.#byName.get(of) ?? this.#tallyOf(of);
    tally.byStatus.set(status, (tally.byStatus.get(status) ?? 0) + 1);
    if (durationMs === null) return;
    let at = 0;
    while (at < this.#boundsMs.length && durationMs > (this.#boundsMs[at] as number)) at++;
    tally.durations[at] = (tally.durations[at] ?? 0) + 1;
    tally.durationSumMs += durationMs;
  }

  #tallyOf(of: FunctionName): Tally {
    const label = this.#labels.of(of);
    let tally = this.#byLabel.get(label);
    if (tally === undefined) {
      const durations = new Array<number>(this.#boundsMs.length + 1).fill(0);
      this.#byLabel.set(label, (tally = { label, byStatus: new Map(), durations, durationSumMs: 0 }));
    }
    this.#byName.set(of, tally);
    return tally;
  }

  #distribution({ label, durations, durationSumMs }: Tally): Values {
    let total = 0;
    const buckets = durations.map((count, at) => ({
      metricName: `${durationName}_bucket`,
      labels: { le: this.#boundsSeconds[at] ?? "+Inf", ...label },
      value: (total += count),
    }));
    if (total === 0) return [];
    return [
      ...buckets,
      { metricName: `${durationName}_sum`, labels: { ...label }, value: durationSumMs / 1_000 },
      { metricName: `${durationName}_count`, labels: { ...label }, value: total },
    ];
  }
}

const counts = ({ label, byStatus }: Tally): Values =>
  [...byStatus].map(([status, value]) => ({ labels: { ...label, status }, value }));

/** A metric whose values are made when somebody asks. */
function tell(registry: Registry, named: { type: string; name: string; help: string }, values: () => Values): void {
  const described = { ...named, aggregator: "sum" };
  const get = (): Promise<MetricObjectWithValues<MetricValueWithName<string>>> =>
    Promise.resolve({ ...described, values: values() } as never);
  // All that a registry looks for in a metric.
  registry.registerMetric({ ...described, get, reset: () => {} } as unknown as Counter);
}
