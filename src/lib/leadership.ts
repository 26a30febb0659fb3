/**
 * One holder at a time among processes that compete for one name, be it by a Kubernetes Lease or a Postgres lock. It
 * guarantees that no two processes find `isHeld` true at one moment, as long as no clock runs much faster than another.
 */
export interface Leadership {
  /** Computed from the monotonic clock at the moment of asking: a process that was stopped for a minute finds it false when it wakes. */
  readonly isHeld: boolean;
  /**
   * Calls `term` each time this process wins, until stopped. Its signal aborts the moment the process can no longer be
   * sure that it holds; the next term begins only when the last has settled. A term that ends by itself, or rejects, gives
   * the leadership up.
   */
  start(term: (signal: AbortSignal) => Promise<void>): void;
  /** Aborts the term, waits for its end and gives the leadership up, so that the next takes over at once. */
  stop(): Promise<void>;
  /** Who holds it and how sure that is, in words, for checks. */
  describe(): string;
}
