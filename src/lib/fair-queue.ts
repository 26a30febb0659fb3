export interface FairQueueBounds {
  /** Tasks that run at a time. */
  readonly running: number;
  /** Of those, tasks of one key. */
  readonly runningOfKey: number;
  readonly waiting: number;
}

/**
 * Runs tasks within bounds. Keys take turns, and the tasks of a key keep their order, so that a key with many slow tasks
 * delays no other.
 */
export class FairQueue {
  readonly #waiting = new Map<string, (() => Promise<void>)[]>();
  readonly #running = new Map<string, number>();
  #runningCount = 0;
  #waitingCount = 0;
  #idle: (() => void)[] = [];

  constructor(private readonly bounds: FairQueueBounds) {}

  /** Runs the task before it returns, where there is room. False, and nothing done, where too many wait. Tasks never reject. */
  post(key: string, task: () => Promise<void>): boolean {
    if (this.#hasRoom(key)) {
      this.#run(key, task);
      return true;
    }
    if (this.#waitingCount >= this.bounds.waiting) return false;
    const tasks = this.#waiting.get(key) ?? [];
    tasks.push(task);
    this.#waiting.set(key, tasks);
    this.#waitingCount++;
    return true;
  }

  get running(): number {
    return this.#runningCount;
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting.clear();
    this.#waitingCount = 0;
  }

  /** Resolves when nothing runs and nothing waits. */
  async idle(): Promise<void> {
    if (this.#runningCount > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #hasRoom(key: string): boolean {
    const { running, runningOfKey } = this.bounds;
    return this.#runningCount < running && (this.#running.get(key) ?? 0) < runningOfKey;
  }

  #run(key: string, task: () => Promise<void>): void {
    this.#runningCount++;
    this.#running.set(key, (this.#running.get(key) ?? 0) + 1);
    void task().finally(() => this.#ended(key));
  }

  #ended(key: string): void {
    this.#runningCount--;
    const left = (this.#running.get(key) ?? 1) - 1;
    if (left === 0) this.#running.delete(key);
    else this.#running.set(key, left);
    this.#startNext();
    if (this.#runningCount > 0) return;
    for (const resolve of this.#idle) resolve();
    this.#idle = [];
  }

  /** A key that had its turn goes to the end. */
  #startNext(): void {
    for (const [key, tasks] of this.#waiting) {
      if (!this.#hasRoom(key)) continue;
      const task = tasks.shift();
      this.#waiting.delete(key);
      if (tasks.length > 0) this.#waiting.set(key, tasks);
      if (task === undefined) continue;
      this.#waitingCount--;
      this.#run(key, task);
      return;
    }
  }
}
