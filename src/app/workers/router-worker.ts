/** A worker of the router, as a process: a router that gets its connections from the process that has started it. */
import "reflect-metadata"; // Before anything decorated is loaded.
import type { Socket } from "node:net";
import { systemClock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import { StopStack } from "../../lib/stop-stack.js";
import type { Check } from "../../model/check.js";
import { LeaderDial } from "../../poolmgr/leader-dial.js";
import { RemotePoolmgrLink } from "../../router/remote-poolmgr-link.js";
import { layFoundation, type Foundation } from "../foundation.js";
import { answerMetrics, guarded } from "../health.js";
import { createLogger } from "../logger.js";
import { openStore } from "../open-store.js";
import { RouterRole } from "../roles/router-role.js";
import { WorkerChannel } from "./worker-channel.js";
import type { AsksOfParent, AsksOfWorker, ToParent, ToWorker, WorkerSettings } from "./worker-messages.js";

const clock = systemClock;
const pageWithinMs = 5_000;
/** Connections to the store that one router has, which its workers share; and what each has at least. */
const poolSizeOfAll = 20;
const poolSizeAtLeast = 4;
/** Closed connections are counted at once where none is left, else now and then. */
const countEveryMs = 20;

class RouterWorker {
  readonly #channel: WorkerChannel<ToParent, ToWorker, AsksOfWorker, AsksOfParent>;
  #role: RouterRole | undefined;
  #foundation: Foundation | undefined;
  #started: StopStack | undefined;
  #together: string | undefined;
  #open = 0;
  #closed = 0;
  #counting: { stop(): void } | undefined;

  constructor() {
    this.#channel = new WorkerChannel(process, clock, {
      onTold: (word, socket) => this.#hear(word, socket),
      answers: {
        REFRESH: async () => {
          await this.#role?.refresh();
          return null;
        },
        LOOK: () => Promise.resolve({ checks: this.#checks() }),
        METRICS: async () => (await this.#foundation?.metrics.counted()) ?? [],
      },
    });
  }

  #checks(): Check[] {
    if (this.#role === undefined || this.#foundation === undefined) return [];
    const openFiles = this.#foundation.openFiles.check();
    return [...this.#role.checks(), { ...openFiles, name: `${openFiles.name} of workers` }];
  }

  #hear(word: ToWorker, socket: Socket | undefined): void {
    switch (word.type) {
      case "BEGIN":
        return void this.#begin(word.settings);
      case "CONNECTION":
        return this.#take(socket);
      case "TOGETHER":
        this.#together = word.unready ?? undefined;
        return;
      case "DRAIN":
        return this.#role?.drain();
      case "STOP":
        return void this.#stop();
      default:
        return word satisfies never;
    }
  }

  async #begin(settings: WorkerSettings): Promise<void> {
    const { logLevel: level, logFormat: format } = settings.config;
    const logger = createLogger({ level, format, worker: settings.number });
    this.#together = settings.unready ?? undefined;
    try {
      this.#role = await this.#build(settings, logger);
      await this.#role.start();
    } catch (error) {
      logger.error({ err: error }, "a worker of the router did not start");
      process.exit(1);
    }
    this.#channel.tell({ type: "UP" });
    await this.#role.ready;
    this.#channel.tell({ type: "READY" });
  }

  async #build({ config: given, of }: WorkerSettings, logger: Logger): Promise<RouterRole> {
    const started = (this.#started = new StopStack((part, error) =>
      logger.error({ part, err: error }, "a part did not stop cleanly"),
    ));
    // A port of its own, for itself: what comes through the router's is handed to it.
    const config = { ...given, roles: ["router"] as const, host: "127.0.0.1", routerPort: 0 };
    const surroundings = { config, clock, logger };
    const poolSize = Math.max(poolSizeAtLeast, Math.floor(poolSizeOfAll / of));
    const store = await openStore({ ...surroundings, started, poolSize });
    const foundation = (this.#foundation = layFoundation(surroundings, started, store, {
      pools: () => [],
      waiting: () => this.#role?.waiting ?? 0,
      elsewhere: () => Promise.resolve([]),
      loaded: (change) => this.#channel.tell({ type: "SEEN", change }),
    }));
    const { auth } = foundation;
    const dial = new LeaderDial({ urls: config.poolmgrUrl ?? [], sign: (request) => auth.sign(request), clock });
    const page = answerMetrics({ render: () => this.#channel.ask("PAGE", pageWithinMs) });
    return new RouterRole(foundation, {
      link: new RemotePoolmgrLink(dial, clock),
      metrics: guarded(given, page),
      workers: of,
      alsoUnready: () => this.#together,
    });
  }

  /** The client may have gone on the way. */
  #take(socket: Socket | undefined): void {
    this.#open++;
    if (socket === undefined) return this.#gone();
    // As a server's own sockets are: what a client's FIN means is decided by the router.
    socket.allowHalfOpen = true;
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#gone());
    this.#role?.adopt(socket);
  }

  #gone(): void {
    this.#closed++;
    if (--this.#open === 0) return this.#count();
    this.#counting ??= clock.after(countEveryMs, () => this.#count());
  }

  #count(): void {
    this.#counting?.stop();
    this.#counting = undefined;
    this.#channel.tell({ type: "CLOSED", connections: this.#closed });
  }

  async #stop(): Promise<void> {
    await this.#started?.stop();
    process.exit(0);
  }
}

// Ctrl-C reaches every process of a terminal; when to stop is the parent's to say, and its end is the end.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
process.on("disconnect", () => process.exit(1));
// It may have been so before anybody listened.
if (!process.connected) process.exit(1);
new RouterWorker();
