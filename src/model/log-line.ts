export const logStreams = ["STDOUT", "STDERR", "SYSTEM"] as const;
export type LogStream = (typeof logStreams)[number];

/** One line that user code printed, or (SYSTEM) that Fermi says about an instance. */
export interface LogLine {
  /** Position in the one ordered sequence of log lines, as decimal text. */
  readonly id: string;
  readonly at: Date;
  readonly stream: LogStream;
  readonly message: string;
  readonly functionId: string;
  readonly functionVersion: number | null;
  readonly invocationId: string | null;
  readonly instance: string;
}

export type NewLogLine = Omit<LogLine, "id">;
