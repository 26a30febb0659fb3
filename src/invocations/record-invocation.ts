import type { Invocation } from "../model/invocation.js";

/** Where the router leaves what happened. Never waits, never throws: what can't be kept is counted. */
export interface InvocationRecorder {
  /** `namespace` and `functionName` label the metrics and the record's index. */
  record(invocation: Invocation, of: { readonly namespace: string; readonly functionName: string }): void;
  /** Counts it as `record` does, and leaves the record to somebody else. */
  count(invocation: Invocation, of: { readonly namespace: string; readonly functionName: string }): void;
  /** One more request runs (+1) or has ended (-1); for the in-flight gauge. */
  inFlight(functionId: string, difference: 1 | -1): void;
}
