/**
 * The router: HTTP in, function instance out. It holds what it needs in memory (the route table, its slots), so that a
 * warm request asks nobody; with store and pool manager away it goes on serving what it knows.
 */
import { once } from "node:events";
import type { RequestListener, Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { FunctionTokens } from "../auth/function-token.js";
import type { InternalAuth } from "../auth/internal-auth.js";
import type { InvocationRecorder } from "../invocations/record-invocation.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import type { PoolmgrLink } from "../poolmgr/router-link.js";
import { AsyncDoor, type AsyncIntake } from "./async-door.js";
import { Connections, connectTimeoutMs, defaultConnectionSettings } from "./connections.js";
import { Forwarded } from "./forwarded.js";
import { Front, type ServerLimits } from "./front.js";
import { RequestHandler } from "./handle-request.js";
import { UpgradeHandler } from "./handle-upgrade.js";
import { InvokeDoor } from "./invoke-door.js";
import { KeptBodies } from "./kept-bodies.js";
import { RouteLoader } from "./route-loader.js";
import type { RouteSource } from "./route-source.js";
import { SlotTable } from "./slot-table.js";
import { TokenHandout } from "./token-handout.js";
import { TopicDoor, type TopicPublisher } from "./topic-door.js";
import { warmUp } from "./warm-up.js";

export interface RouterOptions extends Partial<RouterLimits> {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly source: RouteSource;
  /** From when on routes can be read; at once where not given. */
  readonly readable?: Promise<void>;
  readonly link: PoolmgrLink;
  readonly recorder: InvocationRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Opens `/-/invoke`. */
  readonly internalAuth: Pick<InternalAuth, "verify">;
  /** Stores requests whose callers do not wait. Without it routes that are asynchronous refuse. */
  readonly intake?: AsyncIntake;
  /** Where functions publish; `/-/topics/` is no path without it. */
  readonly publishing?: { readonly tokens: FunctionTokens; readonly topics: TopicPublisher };
  /** Answers `/-/metrics`, which is no path without it. */
  readonly metrics?: RequestListener;
  /** Bounds its connections, once it listens. */
  readonly guard?: (server: Server) => void;
  /** Why else no traffic should come here, in words; undefined where nothing else is in its way. */
  readonly alsoUnready?: () => string | undefined;
  /** Addresses and CIDR blocks whose X-Forwarded-* are kept. */
  readonly trustedProxies?: readonly string[];
}

export interface RouterLimits extends ServerLimits {
  readonly maxBodyBytes: number;
  /** Of all requests and messages together that are being stored. */
  readonly maxKeptBytes: number;
  readonly maxWaitingPerFunction: number;
  readonly webSocketIdleMs: number;
}

export const defaultRouterLimits: RouterLimits = {
  maxBodyBytes: 64 * 1024 * 1024,
  maxKeptBytes: 128 * 1024 * 1024,
  maxHeaderBytes: 32 * 1024,
  headersTimeoutMs: 20_000,
  keepAliveTimeoutMs: 65_000,
  unreadMs: 2 * 60_000,
  maxWaitingPerFunction: 1_000,
  webSocketIdleMs: 5 * 60_000,
};

/** How long clients get to read that their request was broken off. */
const lastWordsMs = 500;

export class Router {
  readonly #options: RouterOptions & RouterLimits;
  readonly #routes: RouteLoader;
  readonly #slots: SlotTable;
  readonly #requests: RequestHandler;
  readonly #upgrades: UpgradeHandler;
  readonly #front: Front;
  #server: Server | undefined;
  #isDraining = false;
  #isStopping = false;

  constructor(options: RouterOptions) {
    const { clock, logger, recorder, source, link, publishing } = options;
    this.#options = { ...defaultRouterLimits, ...options };
    const { maxWaitingPerFunction, maxBodyBytes, maxKeptBytes, unreadMs, webSocketIdleMs } = this.#options;
    const isStopping = (): boolean => this.#isStopping;
    const mustClose = (): boolean => this.#isDraining || this.#isStopping;
    this.#routes = new RouteLoader(source, logger, clock);
    this.#slots = new SlotTable({
      link,
      clock,
      logger,
      maxWaitingPerFunction,
      connect: ({ address }) => new Connections(address, defaultConnectionSettings, clock),
    });
    const shared = { slots: this.#slots, recorder, clock, logger, tokens: new TokenHandout(publishing?.tokens) };
    this.#requests = new RequestHandler({ ...shared, maxBodyBytes, unreadMs, mustClose, isStopping });
    this.#upgrades = new UpgradeHandler({ ...shared, connectTimeoutMs, webSocketIdleMs });
    const bodies = new KeptBodies(maxKeptBytes, clock);
    this.#front = new Front({
      routes: this.#routes,
      requests: this.#requests,
      upgrades: this.#upgrades,
      door: new InvokeDoor(options.internalAuth),
      topics: publishing && new TopicDoor({ ...publishing, bodies, clock, mustClose }),
      later:
        options.intake &&
        new AsyncDoor({
          intake: options.intake,
          bodies,
          policyOf: (id) => this.#routes.table.policies.get(id),
          clock,
          mustClose,
        }),
      forwarded: new Forwarded(options.trustedProxies ?? []),
      clock,
      mustClose,
      unready: () => this.unready,
      metrics: options.metrics,
    });
  }

  /** Routes are loaded. */
  get isReady(): boolean {
    return this.#routes.isLoaded;
  }

  /** Why no traffic should come here, in words; undefined where it should. With the store away a router stays ready. */
  get unready(): string | undefined {
    if (this.#isDraining || this.#isStopping) return "The router is stopping.";
    return this.isReady ? this.#options.alsoUnready?.() : "The routes are not loaded yet.";
  }

  /** Resolves when routes are loaded. */
  get ready(): Promise<void> {
    return this.#routes.loaded;
  }

  /** Resolves when routes that were read after this call are in force, or could not be read. */
  refresh(): Promise<void> {
    return this.#routes.refresh();
  }

  /** Requests that wait for an instance. */
  get waiting(): number {
    return this.#slots.waitingTotal;
  }

  /** Resolves when the port is open; ready when the routes are loaded, which is tried until it succeeds. */
  async start(): Promise<{ port: number }> {
    const { host, port, clock } = this.#options;
    const server = this.#front.createServer(this.#options);
    server.listen(port, host);
    await once(server, "listening");
    this.#options.guard?.(server);
    this.#server = server;
    void Promise.resolve(this.#options.readable).then(() => {
      if (!this.#isStopping) this.#routes.start();
    });
    this.#slots.start();
    const address = server.address() as AddressInfo;
    await warmUp(address, clock);
    return { port: address.port };
  }

  /** Serves a connection that was taken on another port than its own. To be called after `start`. */
  adopt(socket: Socket): void {
    if (this.#server === undefined) return void socket.destroy();
    // Where nobody bounds them there is no number to compare with.
    const isFull = this.#front.connections >= this.#server.maxConnections;
    if (!isFull) return void this.#server.emit("connection", socket);
    socket.destroy();
    this.#server.emit("drop");
  }

  /** Says that it is not ready and that clients had better connect anew, and goes on as before. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Takes no new connection, lets requests under way finish for `graceMs`, breaks off the rest. All are recorded after it. */
  async stop(graceMs: number): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    await this.#routes.stop();
    const server = this.#server;
    const closed = server && new Promise((resolve) => server.close(resolve));
    this.#front.closeUnused();
    // Node counts those alone that came through its own port.
    const ended = Promise.all([closed, this.#front.empty(), this.#requests.idle(), this.#upgrades.idle()]);
    await this.#within(graceMs, ended);
    this.#slots.stop();
    this.#upgrades.destroy();
    await this.#within(lastWordsMs, ended);
    this.#front.destroy();
    await ended;
  }

  #within(ms: number, done: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      // Kept alive by a timer of its own: the clock's would let the process end before it is stopped.
      const timer = setTimeout(resolve, ms);
      void done.then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
