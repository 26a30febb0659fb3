/**
 * Takes in what instances print and stores it, at most a tenth of a second later in normal times. A line belongs to the
 * function its instance was specialized for, never to one that the line names. With the store away lines wait in a bounded
 * buffer; what finds no room is dropped, counted, and told by one SYSTEM line of the function when the store is back.
 */
import { BatchReport } from "../lib/batch-report.js";
import { BatchWriter, fillOf, type WriteOutcome } from "../lib/batch-writer.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import type { Check } from "../model/check.js";
import type { NewLogLine } from "../model/log-line.js";
import type { LogBatch } from "../model/record-batch.js";
import { LineBuffer, type LineBufferLimits } from "./line-buffer.js";
import { parseLine, storable, type InstanceIdentity, type RawOutput } from "./parse-line.js";
import { KnownInstances } from "./known-instances.js";

/** Where batches go. Stores each id once; rejects when another try may help. */
export interface LogStore {
  write(batch: LogBatch, id: string): Promise<WriteOutcome>;
}

export type LineDropReason = "buffer_full" | "no_function" | "store";

export interface LogSinkMetrics {
  logLinesWritten(count: number): void;
  logLinesDropped(count: number, reason: LineDropReason): void;
}

export interface LogSinkOptions {
  readonly store: LogStore;
  /** What an instance was specialized for; undefined while it is generic, or unknown. */
  identify(instanceId: string): InstanceIdentity | undefined;
  readonly metrics: LogSinkMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: LineBufferLimits;
  readonly intervalMs?: number;
}

const defaultLimits: LineBufferLimits = { maxLines: 20_000, maxBytes: 16 * 1024 * 1024 };
const batchLimits: LineBufferLimits = { maxLines: 2_000, maxBytes: 4 * 1024 * 1024 };

interface Dropped {
  count: number;
  readonly functionVersion: number | null;
  readonly instance: string;
}

export class LogSink {
  readonly #options: LogSinkOptions;
  readonly #buffer: LineBuffer;
  readonly #instances: KnownInstances;
  readonly #writer: BatchWriter<LogBatch>;
  readonly #report: BatchReport;
  readonly #droppedByFunctionId = new Map<string, Dropped>();

  constructor(options: LogSinkOptions) {
    this.#options = options;
    this.#buffer = new LineBuffer(options.limits ?? defaultLimits);
    this.#instances = new KnownInstances((instanceId) => options.identify(instanceId));
    const { clock, logger } = options;
    this.#report = new BatchReport({
      clock,
      logger,
      what: "log lines",
      whenWell: "Log lines are stored as they come",
      advice: "Let functions print less, or give the database more room.",
    });
    this.#writer = new BatchWriter<LogBatch>({
      clock: options.clock,
      intervalMs: options.intervalMs ?? 50,
      fill: () => fillOf(this.#buffer.waiting + this.#droppedByFunctionId.size, batchLimits.maxLines),
      next: () => this.#nextBatch(),
      write: (batch, id) => options.store.write(batch, id),
      split: halves,
      onWritten: (batch) => this.#written(batch),
      onLost: (batch, cause) => this.#lost(batch, cause),
      onTrouble: (cause) => this.#report.trouble(cause),
    });
  }

  /** What a cluster driver's `logs` calls. Never waits, never throws. */
  accept(output: RawOutput): void {
    const identity = this.#instances.identify(output.instanceId);
    if (identity === undefined) this.#options.metrics.logLinesDropped(1, "no_function");
    else this.#keep(parseLine(output, identity));
  }

  /** A line of Fermi's own about one instance of a function: why it did not load, that it crashed. Never waits, never throws. */
  system(functionId: string, version: number, instance: string, message: string): void {
    this.#keep(this.#systemLine(functionId, version, instance, message));
  }

  /** Resolves when all that was accepted before the call is stored. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** Stores what is left, for at most `timeoutMs`, then gives up and says how many were lost. */
  stop(timeoutMs = 10_000): Promise<void> {
    return this.#writer.stop(timeoutMs);
  }

  check(): Check {
    return this.#report.check(this.#writer.failingMs, this.#buffer.held);
  }

  #keep(line: NewLogLine): void {
    if (this.#buffer.offer(line)) this.#writer.wake();
    else this.#drop(line);
  }

  #drop(line: NewLogLine): void {
    const { functionId, functionVersion, instance } = line;
    const dropped = this.#droppedByFunctionId.get(functionId) ?? { count: 0, functionVersion, instance };
    dropped.count++;
    this.#droppedByFunctionId.set(functionId, dropped);
    this.#count(1, "buffer_full", "more came than could be stored");
  }

  #nextBatch(): LogBatch | undefined {
    if (this.#buffer.waiting === 0) this.#tellDropped();
    const lines = this.#buffer.take(batchLimits);
    return lines.length > 0 ? lines : undefined;
  }

  /** One line for each function that lost some; said only when the buffer has run empty, so it comes after what was kept. */
  #tellDropped(): void {
    for (const [functionId, { count, functionVersion, instance }] of this.#droppedByFunctionId) {
      const lines = count === 1 ? "1 log line was" : `${count} log lines were`;
      const message = `${lines} dropped here: more was printed than could be stored.`;
      this.#buffer.admit(this.#systemLine(functionId, functionVersion, instance, message));
    }
    this.#droppedByFunctionId.clear();
  }

  #systemLine(functionId: string, functionVersion: number | null, instance: string, message: string): NewLogLine {
    const at = this.#options.clock.now();
    return {
      at,
      stream: "SYSTEM",
      message: storable(message),
      functionId,
      functionVersion,
      invocationId: null,
      instance,
    };
  }

  #written(batch: LogBatch): void {
    this.#buffer.release(batch);
    this.#options.metrics.logLinesWritten(batch.length);
  }

  #lost(batch: LogBatch, cause: unknown): void {
    this.#buffer.release(batch);
    this.#count(batch.length, "store", this.#report.lost({ lines: batch.length }, cause));
  }

  #count(count: number, reason: LineDropReason, why: string): void {
    this.#report.dropped(count, why);
    this.#options.metrics.logLinesDropped(count, reason);
  }
}

function halves(batch: LogBatch): LogBatch[] {
  if (batch.length <= 1) return [];
  const half = Math.ceil(batch.length / 2);
  return [batch.slice(0, half), batch.slice(half)];
}
