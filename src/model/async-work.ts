/** Asynchronous invocations as they go between those who run them and the store. */
import type { TakenRoute } from "./async-invocation.js";
import type { Invocation, InvocationSource } from "./invocation.js";

/** What follows from the end of an attempt. */
export type Decision =
  | { readonly state: "SUCCEEDED" }
  | { readonly state: "DEAD"; readonly error: string }
  /** Once more, after a while. */
  | { readonly state: "QUEUED"; readonly error: string; readonly afterMs: number; readonly isAttempt: boolean };

/** An invocation that is kept, and the secret that lets whoever has it ask for its result. */
export interface Accepted {
  readonly invocation: Invocation;
  readonly statusToken: string;
  /** False where its key had been used before: then it is the earlier one. */
  readonly isNew: boolean;
  /** Whether that earlier one is of another request: then this one was not taken. */
  readonly isOfOther: boolean;
}

/** The answer that was kept of an invocation that has ended. */
export interface KeptResult {
  readonly httpStatus: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Buffer;
}

/** One invocation as a worker has it: nobody else has it while the lease lasts. */
export interface Leased {
  readonly id: string;
  /** Names this lease: what is settled under an earlier one is refused. */
  readonly epoch: number;
  readonly functionId: string;
  readonly version: number | null;
  readonly source: InvocationSource;
  readonly triggerId: string | null;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly route: TakenRoute | null;
  readonly body: Buffer;
  /** This attempt included, since it was enqueued or redriven last. */
  readonly attempts: number;
  /** This attempt included, since it was enqueued. */
  readonly attemptsInAll: number;
  readonly maxAttempts: number;
  readonly patienceMs: number;
}

export type Lease = Pick<Leased, "id" | "epoch">;

/** A lease that ran out. */
export type Expired = Lease &
  Pick<Leased, "attempts" | "maxAttempts" | "patienceMs"> &
  Pick<Settlement, "requestBytes">;

/** What became of an attempt, and what follows from it. */
export interface Settlement extends Lease {
  readonly decision: Decision;
  /** In force only where the lease has run out. */
  readonly isExpiry?: boolean;
  /** How large the request's body is, which word of the end repeats. */
  readonly requestBytes?: number;
  readonly httpStatus?: number | null;
  /** Kept where the decision is final. */
  readonly result?: KeptResult | null;
  /** What the router told of the attempt, where it did. */
  readonly told?: Pick<
    Invocation,
    "functionVersion" | "coldStart" | "waitMs" | "requestBytes" | "responseBytes" | "instance"
  >;
  /** Said of one that succeeded, but whose answer could not be kept. */
  readonly note?: string;
}

export interface Backlog {
  readonly functionId: string;
  /** How many may begin now, counted up to a bound. */
  readonly due: number;
}
