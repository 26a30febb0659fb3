/**
 * Writes down what functions were told, in batches, soon after. What a process that ends by force has not written is told
 * again by the next. Where the store is away it waits, and where too much waits nothing more is told.
 */
import { BatchWriter, fillOf } from "../../lib/batch-writer.js";
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import type { KubernetesObjectMetadata } from "../../model/kubernetes-object.js";
import type { Move } from "./watermark.js";
import type { ToldObject, WatchStore } from "./watch-store.js";

export interface JournalOptions {
  readonly store: Pick<WatchStore, "write">;
  readonly term: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Objects that wait to be written before nothing more is told. */
  readonly maxWaiting?: number;
}

interface Progress {
  readonly triggerId: string;
  selection: string;
  position: string | null | undefined;
  readonly told: Map<string, ToldObject>;
  readonly forgotten: Set<string>;
}

interface Batch {
  readonly progress: readonly Progress[];
  readonly objects: number;
}

const intervalMs = 50;
const batchObjects = 500;
const stopWithinMs = 5_000;

export class Journal {
  readonly #writer: BatchWriter<Batch>;
  readonly #maxWaiting: number;
  #waiting = new Map<string, Progress>();
  #waitingObjects = 0;
  #beingWritten = 0;
  #isDeposed = false;

  constructor(private readonly options: JournalOptions) {
    const { clock, logger, store, term } = options;
    this.#maxWaiting = options.maxWaiting ?? 5_000;
    this.#writer = new BatchWriter<Batch>({
      clock,
      intervalMs,
      fill: () => fillOf(this.#waitingObjects, batchObjects),
      next: () => this.#next(),
      write: async ({ progress }) => {
        if (!this.#isDeposed) this.#isDeposed = !(await store.write(term, progress));
        return "WRITTEN";
      },
      split: () => [],
      onWritten: ({ objects }) => void (this.#beingWritten -= objects),
      onLost: ({ progress }, cause) =>
        logger.warn({ triggers: progress.length, err: cause }, "what functions were told could not be kept"),
      onTrouble: (cause) => {
        if (cause !== undefined) logger.warn({ err: cause }, "what functions were told can't be kept for now");
      },
    });
  }

  /** Whether more may be told. */
  get hasRoom(): boolean {
    return this.#waitingObjects + this.#beingWritten < this.#maxWaiting;
  }

  told(of: TriggerKey, metadata: KubernetesObjectMetadata, isGone: boolean): void {
    const { told, forgotten } = this.#of(of);
    told.set(metadata.uid, { metadata, isGone });
    forgotten.delete(metadata.uid);
    this.#wake();
  }

  moved(of: TriggerKey, { position, gone }: Move): void {
    const progress = this.#of(of);
    progress.position = position;
    for (const uid of gone) {
      progress.told.delete(uid);
      progress.forgotten.add(uid);
    }
    this.#wake();
  }

  /** Resolves when what was said before is written. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  stop(): Promise<void> {
    return this.#writer.stop(stopWithinMs);
  }

  #of({ triggerId, selection }: TriggerKey): Progress {
    const known = this.#waiting.get(triggerId);
    const progress = known ?? { triggerId, selection, position: undefined, told: new Map(), forgotten: new Set() };
    if (progress.selection !== selection) Object.assign(progress, { selection, position: null });
    this.#waiting.set(triggerId, progress);
    return progress;
  }

  #wake(): void {
    this.#waitingObjects++;
    this.#writer.wake();
  }

  #next(): Batch | undefined {
    if (this.#waiting.size === 0) return undefined;
    const batch = { progress: [...this.#waiting.values()], objects: this.#waitingObjects };
    this.#waiting = new Map();
    this.#waitingObjects = 0;
    this.#beingWritten += batch.objects;
    return batch;
  }
}

/** Of which trigger, and of which of its selections, where that was changed. */
export interface TriggerKey {
  readonly triggerId: string;
  readonly selection: string;
}
