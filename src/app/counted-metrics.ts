/** Metrics of several processes as one, so that whoever scrapes any of them sees all. */
import { AggregatorRegistry, type MetricObjectWithValues, type MetricValue, type Registry } from "prom-client";

/** What one process has counted, as it crosses to another one. */
export type CountedMetrics = readonly MetricObjectWithValues<MetricValue<string>>[];

/** Counts are summed, gauges too where it makes sense; what can't be told of several processes at once is left out. */
export const addUp = (all: readonly CountedMetrics[]): Registry => AggregatorRegistry.aggregate([...all]);

/**
 * What workers have counted, dead ones included: a count that fell when a worker ends would read as if the whole program
 * had begun anew. What a worker has counted since it was last asked is lost with it.
 */
export class CountsOfWorkers {
  /** By worker, as it last said. */
  readonly #latest = new Map<number, CountedMetrics>();
  #ofEnded: CountedMetrics = [];

  said(worker: number, counted: CountedMetrics): void {
    this.#latest.set(worker, counted);
  }

  /** What it counted stays; what it showed of its state goes. */
  async ended(worker: number): Promise<void> {
    const last = this.#latest.get(worker);
    if (last === undefined) return;
    this.#latest.delete(worker);
    const counts = last.filter(({ type }) => counting.has(String(type)));
    this.#ofEnded = await addUp([this.#ofEnded, counts]).getMetricsAsJSON();
  }

  all(): CountedMetrics[] {
    return [this.#ofEnded, ...this.#latest.values()];
  }
}

const counting = new Set(["counter", "histogram", "summary"]);
