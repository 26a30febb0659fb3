import { LRUCache } from "lru-cache";
import { SingleFlight } from "../lib/single-flight.js";
import type { FunctionCode } from "../model/function.js";
import type { PoolSource } from "./pool-source.js";

const fetchesAtOnce = 4;

/**
 * The code of versions, kept in memory up to a bound in bytes, so that a cold start asks no database and works while that
 * is away. A version never changes, so what is here is right.
 */
export class CodeCache {
  readonly #codes: LRUCache<string, FunctionCode>;
  readonly #flights = new SingleFlight<FunctionCode | undefined>();
  /** Versions to be fetched ahead, in order, by key. */
  readonly #ahead = new Map<string, () => Promise<unknown>>();
  #fetching = 0;

  constructor(
    private readonly source: Pick<PoolSource, "code">,
    maxBytes: number,
  ) {
    this.#codes = new LRUCache({ maxSize: maxBytes, sizeCalculation: bytesOf });
  }

  /** At once and without asking anybody, or not at all. */
  peek(functionId: string, version: number): FunctionCode | undefined {
    return this.#codes.get(keyOf(functionId, version));
  }

  /** Undefined where there is no such version (any more). Rejects as the source does. */
  get(functionId: string, version: number): Promise<FunctionCode | undefined> {
    const key = keyOf(functionId, version);
    return this.#flights.do(key, async () => {
      const code = this.#codes.get(key) ?? (await this.source.code(functionId, version));
      if (code !== undefined) this.#codes.set(key, code);
      return code;
    });
  }

  /**
   * Fetches the version in the background, a few at a time. Unless it `isNew`, only while there is room: what is cached
   * already is as likely to be called. A failure is left to the next one who asks.
   */
  fetchAhead(functionId: string, version: number, isNew: boolean): void {
    const key = keyOf(functionId, version);
    if (this.#codes.has(key) || this.#ahead.has(key) || (!isNew && this.#isFull)) return;
    this.#ahead.set(key, async () => (isNew || !this.#isFull ? this.get(functionId, version) : undefined));
    this.#pump();
  }

  #pump(): void {
    for (const [key, fetch] of this.#ahead) {
      if (this.#fetching >= fetchesAtOnce) return;
      this.#ahead.delete(key);
      this.#fetching++;
      const done = (): void => {
        this.#fetching--;
        this.#pump();
      };
      fetch().then(done, done);
    }
  }

  get #isFull(): boolean {
    return this.#codes.calculatedSize >= this.#codes.maxSize * 0.9;
  }
}

const keyOf = (functionId: string, version: number): string => `${functionId}@${version}`;

/** Strings take up to two bytes a character; the rest of an entry is small. */
const bytesOf = ({ source, version }: FunctionCode): number =>
  1_024 +
  2 * source.length +
  2 * version.variables.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
