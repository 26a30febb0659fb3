import type { Invocation } from "./invocation.js";
import type { NewLogLine } from "./log-line.js";

/** An invocation as it is kept: with the namespace it is found by. */
export interface InvocationRecord {
  readonly invocation: Invocation;
  readonly namespace: string;
}

/** What is counted of one function's invocations that were accepted within one span of `countSpanMs`. */
export interface InvocationCounts {
  readonly functionId: string;
  /** The span's begin. */
  readonly from: Date;
  readonly total: number;
  readonly failed: number;
  readonly coldStarts: number;
  /** How many fell into each bucket of the latency histogram. */
  readonly histogram: readonly number[];
}

export const countSpanMs = 10_000;

/** What is stored in one transaction, once. */
export interface RecordBatch {
  readonly records: readonly InvocationRecord[];
  readonly counts: readonly InvocationCounts[];
}

export type LogBatch = readonly NewLogLine[];
