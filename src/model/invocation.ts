export const invocationSources = ["HTTP", "TIME", "KUBERNETES_WATCH", "QUEUE", "GRAPHQL"] as const;
export type InvocationSource = (typeof invocationSources)[number];

export const invocationStatuses = [
  "QUEUED",
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
  "TIMED_OUT",
  "CANCELLED",
  "DEAD",
] as const;
export type InvocationStatus = (typeof invocationStatuses)[number];

/** One call of a function. SUCCEEDED: the function answered below 500; FAILED: it, or the platform, did not. */
export interface Invocation {
  /** A UUID of version 7: its order is the order of acceptance. */
  readonly id: string;
  readonly functionId: string;
  readonly functionVersion: number;
  readonly source: InvocationSource;
  readonly triggerId: string | null;
  readonly status: InvocationStatus;
  readonly method: string;
  /** Without the query string, which may carry secrets. */
  readonly path: string;
  readonly httpStatus: number | null;
  /** Why it failed, in one line a person can act on. */
  readonly error: string | null;
  readonly coldStart: boolean;
  readonly durationMs: number | null;
  /** Waiting for an instance, a cold start included. */
  readonly waitMs: number | null;
  readonly attempts: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly instance: string | null;
  readonly acceptedAt: Date;
  readonly finishedAt: Date | null;
}

export interface InvocationResult {
  readonly httpStatus: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string;
  readonly base64: boolean;
}

export interface InvocationStats {
  readonly total: number;
  readonly failed: number;
  readonly coldStarts: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
}
