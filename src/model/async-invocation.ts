/** What is stored of an asynchronous invocation beside the record that every invocation has. */
import type { Range } from "./fault.js";
import type { InvocationSource } from "./invocation.js";

const mebibyte = 1024 * 1024;
const daySeconds = 24 * 60 * 60;

export const asyncLimits = {
  bodyBytes: mebibyte,
  /** Larger answers are not kept. */
  resultBytes: mebibyte,
  /** Of method, path and headers together: all of it travels in one header of the router's. */
  headBytes: 16 * 1024,
  delaySeconds: [0, daySeconds] as Range,
  maxAttempts: [1, 100] as Range,
  idempotencyKeyCharacters: 255,
  idempotencySeconds: daySeconds,
  /** One that could not be begun for so long, for no fault of its function, is given up. */
  patienceSeconds: daySeconds,
  /** How many invocations may follow from one another by their destinations. */
  depth: 16,
} as const;

/** How a request came by a route: what its function is told of that, whatever has become of the route since. */
export interface TakenRoute {
  readonly trigger: string;
  readonly parameters: readonly string[];
  readonly values: readonly string[];
  readonly subtreeDepth: number | null;
}

/** Where word of the end goes: another function of the namespace, by its id, or a topic of it. */
export type Destination = { readonly functionId: string } | { readonly topic: string };

/** An invocation that is to be stored before anybody is told that it was accepted. */
export interface NewAsyncInvocation {
  readonly id: string;
  readonly namespace: string;
  readonly functionId: string;
  /** Null is the version that is current when it runs. */
  readonly version: number | null;
  /** What is shown until it has run. */
  readonly currentVersion: number;
  readonly source: InvocationSource;
  readonly triggerId: string | null;
  readonly method: string;
  /** With the query string. */
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly route: TakenRoute | null;
  readonly body: Buffer;
  readonly acceptedAt: Date;
  readonly delaySeconds: number;
  readonly maxAttempts: number;
  readonly idempotencyKey: string | null;
  readonly onSuccess: Destination | null;
  readonly onFailure: Destination | null;
  /** How many invocations this one follows from, by their destinations. */
  readonly depth: number;
  /** Lets whoever has it ask for the result. */
  readonly statusToken: string;
}
