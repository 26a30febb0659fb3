import type { InvocationSource, InvocationStatus } from "./invocation.js";
import type { LogStream } from "./log-line.js";

/** Which invocations a query means; names were resolved to ids before. */
export interface InvocationFilter {
  readonly id?: string;
  /** Undefined: any function of the namespaces below. */
  readonly functionId?: string;
  /** Undefined: any namespace. */
  readonly namespace?: string;
  readonly statuses?: readonly InvocationStatus[];
  readonly source?: InvocationSource;
  readonly triggerId?: string;
  readonly since?: Date;
  readonly until?: Date;
}

export interface LogFilter {
  readonly namespace: string;
  readonly functionId?: string;
  readonly invocationId?: string;
  readonly stream?: LogStream;
  readonly contains?: string;
  readonly since?: Date;
}
