import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { ResyncLoop } from "../lib/resync-loop.js";
import { Seldom } from "../lib/seldom.js";
import { buildRouteTable, emptyRouteTable, type RouteTable } from "./route-table.js";
import type { RouteSnapshot, RouteSource } from "./route-source.js";

/** Changes are announced; this only repairs what an announcement may have missed. */
const resyncMs = 30_000;

/**
 * Keeps the present route table: loaded at the start, again at each change, and swapped whole. While the store can't be
 * read the last table stays in force and loading is tried again with growing pauses.
 */
export class RouteLoader {
  table: RouteTable = emptyRouteTable;
  #isLoaded = false;
  #onLoaded: (() => void) | undefined;
  /** Resolves when a table was loaded for the first time. */
  readonly loaded = new Promise<void>((resolve) => (this.#onLoaded = resolve));
  readonly #trouble: Seldom;
  /** What the table was built from: a source that knows of no change answers the same object. */
  #snapshot: RouteSnapshot | undefined;
  #subscription: { stop(): void } | undefined;
  readonly #loop: ResyncLoop;

  constructor(
    private readonly source: RouteSource,
    private readonly logger: Logger,
    clock: Clock,
  ) {
    this.#trouble = new Seldom(clock);
    this.#loop = new ResyncLoop(() => this.#load(), resyncMs, clock);
  }

  /** A table was loaded once; from then on it is kept. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Subscribes first, so that no change falls between. */
  start(): void {
    this.#subscription = this.source.subscribe(() => void this.#loop.ask());
    void this.#loop.ask();
  }

  refresh(): Promise<void> {
    return this.#loop.ask();
  }

  async stop(): Promise<void> {
    this.#subscription?.stop();
    await this.#loop.stop();
  }

  async #load(): Promise<void> {
    try {
      const snapshot = await this.source.load();
      if (snapshot !== this.#snapshot) this.table = buildRouteTable(snapshot);
      this.#snapshot = snapshot;
      this.#isLoaded = true;
      this.#onLoaded?.();
      this.#trouble.reset();
    } catch (cause) {
      if (this.#trouble.isDue()) {
        this.logger.warn({ cause }, "Routes can't be loaded; those known before stay in force.");
      }
      throw cause;
    }
  }
}
