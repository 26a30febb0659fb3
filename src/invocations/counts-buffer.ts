import type { Invocation, InvocationStatus } from "../model/invocation.js";
import { countSpanMs, type InvocationCounts } from "../model/record-batch.js";
import { latencyBucket, latencyBucketCount } from "./latency-histogram.js";

interface Counts {
  readonly functionId: string;
  readonly from: Date;
  total: number;
  failed: number;
  coldStarts: number;
  readonly histogram: number[];
}

/** A caller who left is no failure of the function. */
const failed: ReadonlySet<InvocationStatus> = new Set(["FAILED", "TIMED_OUT", "DEAD"]);

/**
 * Exact counts that wait to be stored, one entry for each function and 10 seconds. Beyond `maxEntries` a function's counts go
 * into its newest entry: then they lose the time they belong to, but none is lost, and memory is bounded by the number of
 * functions.
 */
export class CountsBuffer {
  readonly #entries = new Map<string, Counts>();
  readonly #newestByFunctionId = new Map<string, Counts>();

  constructor(private readonly maxEntries: number) {}

  get size(): number {
    return this.#entries.size;
  }

  add(invocation: Invocation): void {
    const counts = this.#entryFor(invocation);
    counts.total++;
    if (failed.has(invocation.status)) counts.failed++;
    if (invocation.coldStart) counts.coldStarts++;
    const bucket = latencyBucket(invocation.durationMs ?? 0);
    counts.histogram[bucket] = (counts.histogram[bucket] ?? 0) + 1;
  }

  /** Takes the oldest entries out, at most `limit`. */
  take(limit: number): InvocationCounts[] {
    const taken: InvocationCounts[] = [];
    for (const [key, counts] of this.#entries) {
      if (taken.length === limit) break;
      taken.push(counts);
      this.#entries.delete(key);
      if (this.#newestByFunctionId.get(counts.functionId) === counts) {
        this.#newestByFunctionId.delete(counts.functionId);
      }
    }
    return taken;
  }

  #entryFor({ functionId, acceptedAt }: Invocation): Counts {
    const fromMs = Math.floor(acceptedAt.getTime() / countSpanMs) * countSpanMs;
    const newest = this.#newestByFunctionId.get(functionId);
    if (newest?.from.getTime() === fromMs) return newest;
    const key = `${functionId}/${fromMs}`;
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    if (newest !== undefined && this.#entries.size >= this.maxEntries) return newest;
    return this.#open(key, functionId, new Date(fromMs));
  }

  #open(key: string, functionId: string, from: Date): Counts {
    const histogram = new Array<number>(latencyBucketCount).fill(0);
    const counts: Counts = { functionId, from, total: 0, failed: 0, coldStarts: 0, histogram };
    this.#entries.set(key, counts);
    this.#newestByFunctionId.set(functionId, counts);
    return counts;
  }
}
