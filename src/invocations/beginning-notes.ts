/** Notes which attempts instances have, many at a time. What has ended before its turn is spared it: its end says more. */
import { AppError } from "../errors/app-error.js";
import type { Logger } from "../lib/logger.js";
import type { Lease } from "../model/async-work.js";
import type { AsyncWork } from "./async-queue.js";

export interface BeginningNote {
  begun(): void;
  over(): void;
}

export class BeginningNotes {
  readonly #waiting = new Set<Lease>();
  #isWriting = false;

  constructor(
    private readonly work: Pick<AsyncWork, "begun">,
    private readonly logger: Logger,
  ) {}

  of({ id, epoch }: Lease): BeginningNote {
    const lease = { id, epoch };
    return {
      begun: () => {
        this.#waiting.add(lease);
        if (!this.#isWriting) void this.#write();
      },
      over: () => void this.#waiting.delete(lease),
    };
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    // A turn of the loop later, so that what comes together goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting];
      this.#waiting.clear();
      await this.work.begun(batch).catch((error: unknown) => this.#unsaid(batch, error));
    }
    this.#isWriting = false;
  }

  /** With the store away nobody misses it: whoever notes the end says so, and tries for longer. */
  #unsaid(batch: readonly Lease[], error: unknown): void {
    if (error instanceof AppError && error.code === "STORE_UNAVAILABLE") return;
    const fields = { err: error, invocations: batch.length, first: batch[0]?.id };
    this.logger.error(fields, "that invocations have begun could not be noted");
  }
}
