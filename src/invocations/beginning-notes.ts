/** Notes which attempts instances have, many at a time. What has ended before its turn is spared it: its end says more. */
import type { Lease } from "../model/async-work.js";
import type { AsyncWork } from "./async-queue.js";

export interface BeginningNote {
  begun(): void;
  over(): void;
}

export class BeginningNotes {
  readonly #waiting = new Set<Lease>();
  #isWriting = false;

  constructor(private readonly work: Pick<AsyncWork, "begun">) {}

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
      // With the store away it goes unsaid: whoever notes the end says so, and tries for longer.
      await this.work.begun(batch).catch(() => undefined);
    }
    this.#isWriting = false;
  }
}
