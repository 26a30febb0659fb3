import { withoutSecrets } from "./history.js";

/** The part of the browser's Storage that is needed here. */
export interface Area {
  readonly length: number;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
  clear(): void;
}

const historyKeys = new Set(["graphiql:queries", "graphiql:favorites"]);
const tabKeys = new Set(["graphiql:tabState", "graphiql:query", "graphiql:variables"]);
const neverKept = new Set(["graphiql:headers"]);

/**
 * Where GraphiQL keeps what outlives a reload. History, without its secrets, and settings stay in the browser. Open tabs
 * live as long as the browser's own tab: two windows then don't overwrite each other's, and closing one forgets it.
 */
export class PlaygroundStorage implements Area {
  readonly #local: Area;
  readonly #session: Area;

  constructor(local: Area, session: Area) {
    this.#local = local;
    this.#session = session;
  }

  get length(): number {
    return this.#local.length + this.#session.length;
  }

  getItem(key: string): string | null {
    return this.#areaOf(key).getItem(key);
  }

  setItem(key: string, value: string): void {
    if (neverKept.has(key)) return;
    this.#areaOf(key).setItem(key, historyKeys.has(key) ? withoutSecrets(value) : value);
  }

  removeItem(key: string): void {
    this.#areaOf(key).removeItem(key);
  }

  clear(): void {
    this.#local.clear();
    this.#session.clear();
  }

  #areaOf(key: string): Area {
    return tabKeys.has(key) ? this.#session : this.#local;
  }
}

/** For a browser that refuses storage: what is kept then lasts until the page is left. */
export class MemoryArea implements Area {
  readonly #values = new Map<string, string>();

  get length(): number {
    return this.#values.size;
  }

  getItem(key: string): string | null {
    return this.#values.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#values.set(key, value);
  }

  removeItem(key: string): void {
    this.#values.delete(key);
  }

  clear(): void {
    this.#values.clear();
  }
}
