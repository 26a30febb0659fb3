/** The pools as a pool manager in another process shows them; the last that was known while none can be reached. */
import type { WebSocket } from "ws";
import { Backoff } from "../lib/backoff.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import type { Stoppable } from "../lib/stoppable.js";
import type { Check } from "../model/check.js";
import type { Instance, Pool } from "../model/instance.js";
import type { PoolView } from "../model/pool-view.js";
import type { LeaderDial } from "./leader-dial.js";
import { LiveSocket } from "./live-socket.js";
import { summaryOf } from "./live-pool-view.js";
import { poolsPath, readPoolNews, type PoolNews } from "./pool-wire.js";

type Listener = (environmentId: string) => void;

export class RemotePoolView implements PoolView, Stoppable {
  readonly #pools = new Map<string, Pool>();
  readonly #listeners = new Set<Listener>();
  readonly #stopping = new AbortController();
  readonly #backoff = new Backoff(50, 1_000);
  #socket: LiveSocket | undefined;
  #retry: { stop(): void } | undefined;
  /** Since when no pool manager is reached, and why. */
  #away: { readonly sinceMs: number; readonly why: string } | undefined;

  constructor(
    private readonly dial: Pick<LeaderDial, "dial">,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.#away = { sinceMs: clock.monotonicMs(), why: "none was found yet" };
  }

  /** Does not wait for a pool manager: until one is reached there are no pools. */
  start(): void {
    this.#dial();
  }

  stop(): void {
    this.#stopping.abort();
    this.#retry?.stop();
    this.#socket?.close();
  }

  pools(): readonly Pool[] {
    return [...this.#pools.values()];
  }

  instancesOf(functionId: string): readonly Instance[] {
    return this.pools()
      .flatMap(({ instances }) => instances.filter((instance) => instance.functionId === functionId))
      .sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
  }

  onChange(listener: Listener): { stop(): void } {
    const own: Listener = (environmentId) => listener(environmentId);
    this.#listeners.add(own);
    return { stop: () => void this.#listeners.delete(own) };
  }

  check(): Check {
    const name = "pools";
    if (this.#away === undefined) return { name, ok: true, message: "The pool manager that leads tells of its pools." };
    const seconds = Math.round((this.clock.monotonicMs() - this.#away.sinceMs) / 1_000);
    const message = `For ${seconds} s no pool manager was reached; pools are shown as they were: ${this.#away.why}`;
    return { name, ok: false, message };
  }

  #dial(): void {
    const { signal } = this.#stopping;
    this.dial
      .dial(poolsPath, signal, (socket) => this.#begin(socket))
      .catch((error: unknown) => this.#lost(error instanceof Error ? error.message : String(error)));
  }

  #begin(webSocket: WebSocket): void {
    const socket = new LiveSocket(webSocket, this.clock, {
      onText: (text) => this.#hear(text, socket),
      onClose: () => this.#lost("The connection to it broke."),
    });
    this.#socket = socket;
  }

  #hear(text: string, socket: LiveSocket): void {
    let news: PoolNews | undefined;
    try {
      news = readPoolNews(text);
    } catch (error) {
      this.logger.warn({ err: error }, "the pool manager said of its pools what can't be read");
      return socket.reject("The message can't be read.");
    }
    if (news !== undefined) this.#take(news);
  }

  #take({ isWhole, pools, gone }: PoolNews): void {
    this.#away = undefined;
    this.#backoff.succeed();
    const before = new Map(this.#pools);
    if (isWhole) this.#pools.clear();
    for (const id of gone) this.#pools.delete(id);
    for (const pool of pools) this.#pools.set(pool.environmentId, pool);
    for (const id of new Set([...before.keys(), ...this.#pools.keys()])) {
      if (summaryOf(before.get(id)) === summaryOf(this.#pools.get(id))) continue;
      for (const listener of this.#listeners) listener(id);
    }
  }

  #lost(why: string): void {
    this.#socket = undefined;
    if (this.#stopping.signal.aborted) return;
    const nowMs = this.clock.monotonicMs();
    this.#away = { sinceMs: this.#away?.sinceMs ?? nowMs, why };
    this.#retry = this.clock.after(this.#backoff.fail(nowMs), () => this.#dial());
  }
}
