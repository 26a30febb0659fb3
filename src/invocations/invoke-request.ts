import type { TakenRoute } from "../model/async-invocation.js";
import type { InvocationSource } from "../model/invocation.js";

/** What to call, and with what. */
export interface InvokeRequest {
  readonly functionId: string;
  /** Null is the current one. */
  readonly version: number | null;
  readonly method: string;
  /** With the query string, where there is one. */
  readonly path: string;
  /** As a caller would send them: what only Fermi may say is left out on the way. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** What Fermi itself says of this call, such as X-Fermi-Event: each is an X-Fermi- header, and reaches the function. */
  readonly ownHeaders?: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer | string | undefined;
  readonly source: InvocationSource;
  readonly triggerId: string | null;
  /** Given: this attempt is of an invocation that somebody else records; the router only counts it. */
  readonly invocationId?: string;
  /** How the request came by a route, where it did. */
  readonly route?: TakenRoute | null;
}
