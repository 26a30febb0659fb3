import type { InvocationRecorder } from "../../../src/invocations/record-invocation.js";
import type { Invocation } from "../../../src/model/invocation.js";

/** Keeps what was recorded, and how many requests are under way. */
export class FakeRecorder implements InvocationRecorder {
  readonly records: Invocation[] = [];
  readonly labels: { namespace: string; functionName: string }[] = [];
  readonly running = new Map<string, number>();

  record(invocation: Invocation, of: { namespace: string; functionName: string }): void {
    this.records.push(invocation);
    this.labels.push(of);
  }

  /** Attempts that were only counted. */
  readonly counted: Invocation[] = [];

  count(invocation: Invocation): void {
    this.counted.push(invocation);
  }

  inFlight(functionId: string, difference: 1 | -1): void {
    this.running.set(functionId, (this.running.get(functionId) ?? 0) + difference);
  }
}
