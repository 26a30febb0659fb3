/** Time as an argument, so that a test of "idle for five minutes" takes a millisecond. */
export interface Clock {
  /** Wall time, for what people read. */
  now(): Date;
  /** Milliseconds on a clock that never jumps, for measuring. */
  monotonicMs(): number;
  /** Runs `task` once after `ms`; `unref`ed: it never keeps the process alive. Call `stop` to cancel. */
  after(ms: number, task: () => void): { stop(): void };
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  after: (ms, task) => {
    const timer = setTimeout(task, ms).unref();
    return { stop: () => clearTimeout(timer) };
  },
};
