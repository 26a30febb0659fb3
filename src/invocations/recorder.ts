/**
 * Keeps what happened to invocations until it is stored, at most a second behind in normal times, without ever delaying an
 * answer: `record` does a constant amount of work and never waits. Counts and latencies are exact always; records one by one
 * are kept for all that failed, was cancelled or started cold, and for warm successes up to a rate, beyond it for a sample.
 * With the store away records wait in a bounded buffer; what comes beyond the bound is dropped, counted and reported.
 */
import { BatchReport } from "../lib/batch-report.js";
import { BatchWriter, fillOf, type WriteOutcome } from "../lib/batch-writer.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import type { Check } from "../model/check.js";
import type { Invocation } from "../model/invocation.js";
import type { InvocationRecord, RecordBatch } from "../model/record-batch.js";
import { CountsBuffer } from "./counts-buffer.js";
import type { InvocationRecorder } from "./record-invocation.js";
import { Sampler } from "./sampler.js";

/** Where batches go. Stores each id once; rejects when another try may help. */
export interface RecordStore {
  write(batch: RecordBatch, id: string): Promise<WriteOutcome>;
}

/** Told about everything, also what is not recorded one by one. */
export interface RecorderMetrics {
  invocation(invocation: Invocation, of: { readonly namespace: string; readonly functionName: string }): void;
  inFlight(functionId: string, difference: 1 | -1): void;
  recordsWritten(count: number): void;
  recordsDropped(count: number): void;
  recordsSampledOut(count: number): void;
}

export interface RecorderOptions {
  readonly store: RecordStore;
  readonly metrics: RecorderMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Warm successes recorded one by one each second. */
  readonly recordRate: number;
  readonly maxRecords?: number;
  readonly intervalMs?: number;
}

const batchRecords = 1_000;
const batchCounts = 500;
const maxCountEntries = 10_000;

export class BatchingRecorder implements InvocationRecorder {
  readonly #options: RecorderOptions;
  readonly #maxRecords: number;
  readonly #waiting: InvocationRecord[] = [];
  readonly #counts = new CountsBuffer(maxCountEntries);
  readonly #writer: BatchWriter<RecordBatch>;
  readonly #report: BatchReport;
  readonly #sampler: Sampler;
  /** Taken out of the buffer, not stored yet: part of the bound. */
  #beingWritten = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#maxRecords = options.maxRecords ?? 50_000;
    const { clock, logger } = options;
    this.#report = new BatchReport({
      clock,
      logger,
      what: "invocation records",
      whenWell: "Invocations are recorded as they end",
      advice: "Lower FERMI_RECORD_RATE, or give the database more room.",
    });
    this.#sampler = new Sampler(options.clock, options.recordRate);
    this.#writer = new BatchWriter<RecordBatch>({
      clock: options.clock,
      intervalMs: options.intervalMs ?? 200,
      fill: () => fillOf(Math.max(this.#waiting.length, this.#counts.size), batchRecords),
      next: () => this.#nextBatch(),
      write: (batch, id) => options.store.write(batch, id),
      split: splitBatch,
      onWritten: (batch) => this.#settled(batch, "written"),
      onLost: (batch, cause) => this.#settled(batch, "lost", cause),
      onTrouble: (cause) => this.#report.trouble(cause),
    });
  }

  record(invocation: Invocation, of: { readonly namespace: string; readonly functionName: string }): void {
    this.#take(invocation, of, () => this.#keep({ invocation, namespace: of.namespace }));
  }

  count(invocation: Invocation, of: { readonly namespace: string; readonly functionName: string }): void {
    this.#take(invocation, of, () => {});
  }

  #take(
    invocation: Invocation,
    of: { readonly namespace: string; readonly functionName: string },
    keep: () => void,
  ): void {
    try {
      this.#options.metrics.invocation(invocation, of);
      this.#counts.add(invocation);
      keep();
      this.#writer.wake();
    } catch (cause) {
      // Whatever is wrong in here, the caller has an answer to give.
      this.#drop(1, "of an error inside the recorder");
      this.#options.logger.error({ cause }, "an invocation could not be recorded");
    }
  }

  inFlight(functionId: string, difference: 1 | -1): void {
    this.#options.metrics.inFlight(functionId, difference);
  }

  /** Resolves when all that was recorded before the call is stored. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** Stores what is left, for at most `timeoutMs`, then gives up and says how many were lost. */
  stop(timeoutMs = 10_000): Promise<void> {
    return this.#writer.stop(timeoutMs);
  }

  check(): Check {
    return this.#report.check(this.#writer.failingMs, this.#waiting.length + this.#beingWritten);
  }

  #keep(record: InvocationRecord): void {
    if (isWarmSuccess(record.invocation) && !this.#sampler.passes()) this.#options.metrics.recordsSampledOut(1);
    else if (this.#waiting.length + this.#beingWritten >= this.#maxRecords)
      this.#drop(1, "more came than could be stored");
    else this.#waiting.push(record);
  }

  #nextBatch(): RecordBatch | undefined {
    if (this.#waiting.length === 0 && this.#counts.size === 0) return undefined;
    const records = this.#waiting.splice(0, batchRecords);
    this.#beingWritten += records.length;
    return { records, counts: this.#counts.take(batchCounts) };
  }

  #settled(batch: RecordBatch, how: "written" | "lost", cause?: unknown): void {
    this.#beingWritten -= batch.records.length;
    if (how === "written") {
      this.#options.metrics.recordsWritten(batch.records.length);
      return;
    }
    const invocations = batch.counts.reduce((sum, { total }) => sum + total, 0);
    const why = this.#report.lost({ records: batch.records.length, counted: invocations }, cause);
    this.#drop(batch.records.length, why);
  }

  #drop(count: number, why: string): void {
    if (count === 0) return;
    this.#report.dropped(count, why);
    this.#options.metrics.recordsDropped(count);
  }
}

const isWarmSuccess = ({ status, coldStart }: Invocation): boolean => status === "SUCCEEDED" && !coldStart;

/** Halves, records and counts apart, until one item is left. */
function splitBatch({ records, counts }: RecordBatch): RecordBatch[] {
  if (records.length + counts.length <= 1) return [];
  if (records.length > 0 && counts.length > 0) {
    return [
      { records, counts: [] },
      { records: [], counts },
    ];
  }
  const half = (length: number): number => Math.ceil(length / 2);
  return [
    { records: records.slice(0, half(records.length)), counts: counts.slice(0, half(counts.length)) },
    { records: records.slice(half(records.length)), counts: counts.slice(half(counts.length)) },
  ];
}
