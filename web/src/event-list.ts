/** What the response pane shows of a subscription. */
export interface EventView {
  readonly status: string;
  readonly received: number;
  readonly newestFirst: readonly unknown[];
}

export interface EventListOptions {
  show(view: EventView): void;
  /** Runs `work` once after `ms`; the result takes it back. */
  later(work: () => void, ms: number): () => void;
}

const keptEvents = 200;
const showEveryMs = 100;

/**
 * Collects a subscription's events, because GraphiQL itself shows only the last one. A flood costs neither memory nor
 * the page's life: the newest 200 are kept, and shown at most ten times a second.
 */
export class EventList {
  readonly #options: EventListOptions;
  readonly #newestFirst: unknown[] = [];
  #received = 0;
  #hasEnded = false;
  #cancel: (() => void) | undefined;

  constructor(options: EventListOptions) {
    this.#options = options;
  }

  /** The subscription stands; nothing may come for a long time, and that is not the same as being stuck. */
  listening(): void {
    this.#show("listening");
  }

  add(event: unknown): void {
    this.#received++;
    this.#newestFirst.unshift(event);
    if (this.#newestFirst.length > keptEvents) this.#newestFirst.pop();
    this.#cancel ??= this.#options.later(() => this.#show("listening"), showEveryMs);
  }

  /** Shows what has come so far and why nothing more will; from then on nothing is shown, for another tab may be open. */
  end(reason: string): void {
    this.#show(`ended: ${reason}`);
    this.#hasEnded = true;
  }

  #show(status: string): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#hasEnded) return;
    this.#options.show({ status, received: this.#received, newestFirst: [...this.#newestFirst] });
  }
}
