import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { systemClock, type Clock } from "../lib/clock.js";
import { silentLogger, type Logger } from "../lib/logger.js";
import { Seldom } from "../lib/seldom.js";
import type { Stoppable } from "../lib/stoppable.js";

export const wakeChannels = [
  "fermi_change",
  "fermi_log",
  "fermi_invocation",
  "fermi_process",
  "fermi_topic",
  "fermi_async",
  "fermi_async_cancel",
] as const;
export type WakeChannel = (typeof wakeChannels)[number];

interface WakeupsOptions {
  readonly url: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** The longest wait without a notification; a lost one costs this much. */
  readonly floorMs?: number;
}

/** One channel's waiters; `count` grows with each wake-up, so that none between two waits is missed. */
class Channel {
  count = 0;
  readonly listeners = new Set<() => void>();
  /** What each follower, known by its signal, had seen when its last wait ended. */
  readonly seen = new WeakMap<AbortSignal, number>();

  wake(): void {
    this.count++;
    for (const listener of [...this.listeners]) listener();
  }
}

/**
 * Postgres' NOTIFY for everybody in this process, over one connection that is made again whenever it is lost.
 * A notification only says "look again": nobody relies on getting every one.
 */
export class Wakeups implements Stoppable {
  readonly #channels = Object.fromEntries(wakeChannels.map((name) => [name, new Channel()])) as Readonly<
    Record<WakeChannel, Channel>
  >;
  readonly #stopping = new AbortController();
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #trouble: Seldom;
  readonly #floorMs: number;
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stopping.signal.addEventListener("abort", () => resolve());
  });
  #running: Promise<void> | undefined;

  constructor(private readonly options: WakeupsOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#trouble = new Seldom(this.#clock);
    this.#logger = options.logger ?? silentLogger;
    this.#floorMs = options.floorMs ?? 500;
  }

  /** Does not wait for the connection: until it is there, waits end by time. */
  start(): void {
    this.#running ??= this.#keepListening();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wakeAll();
    await this.#running;
  }

  /**
   * Resolves at the first wake-up since this follower's last wait ended, after half a second at the latest, or when the
   * signal aborts. A signal is one follower's: its first wait returns at once where there has been any wake-up.
   */
  async wait(name: WakeChannel, signal: AbortSignal): Promise<void> {
    const channel = this.#channels[name];
    if (channel.count === (channel.seen.get(signal) ?? 0) && !signal.aborted) await this.#nextWake(channel, signal);
    channel.seen.set(signal, channel.count);
  }

  #nextWake(channel: Channel, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.stop();
        channel.listeners.delete(end);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = this.#clock.after(this.#floorMs, end);
      channel.listeners.add(end);
      signal.addEventListener("abort", end, { once: true });
    });
  }

  async #keepListening(): Promise<void> {
    const { signal } = this.#stopping;
    let waitMs = 100;
    while (!signal.aborted) {
      try {
        await this.#listen(() => {
          waitMs = 100;
          this.#trouble.reset();
        });
      } catch (error) {
        if (this.#trouble.isDue()) this.#logger.warn({ err: error }, "no connection for notifications; trying again");
      }
      await delay(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, 5_000);
    }
  }

  /** Rejects when the connection is lost; resolves when this is stopped. */
  async #listen(onListening: () => void): Promise<void> {
    const socket = new net.Socket();
    const client = new pg.Client({
      connectionString: this.options.url,
      connectionTimeoutMillis: 3_000,
      query_timeout: 3_000,
      application_name: "fermi-wakeups",
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      stream: () => socket,
    });
    const lost = new Promise<never>((_, reject) => client.on("error", reject));
    client.on("notification", ({ channel }) => this.#channels[channel as WakeChannel].wake());
    try {
      await Promise.race([this.#stopped, lost, listenOn(client)]);
      onListening();
      // What was announced while nobody listened.
      this.#wakeAll();
      await Promise.race([this.#stopped, lost]);
    } finally {
      // Without a good-bye, for which a server that hangs would keep us waiting.
      socket.destroy();
    }
  }

  #wakeAll(): void {
    for (const channel of Object.values(this.#channels)) channel.wake();
  }
}

async function listenOn(client: pg.Client): Promise<void> {
  await client.connect();
  await client.query(wakeChannels.map((name) => `LISTEN ${name}`).join("; "));
}
