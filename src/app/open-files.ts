/** This process' file descriptors: whom it takes connections from, and what the operator is told where they run short. */
import type { Server } from "node:net";
import type { Clock } from "../lib/clock.js";
import { DropCounter } from "../lib/drop-counter.js";
import type { Logger } from "../lib/logger.js";
import { openFiles, openFilesLimit, outOfFiles } from "../lib/open-files.js";
import type { Check } from "../model/check.js";
import { planConnections, type ConnectionBounds } from "./plan-connections.js";

/** Of its descriptors a process that has more in use is short of them. */
const tolerableShare = 0.9;

export class OpenFiles {
  readonly #bounds: ConnectionBounds;
  readonly #limit = openFilesLimit();
  readonly #refused: DropCounter;

  /** `instances`: as many processes of this machine may be started here. */
  constructor(instances: number, clock: Clock, logger: Logger) {
    this.#bounds = planConnections(this.#limit, instances);
    this.#refused = new DropCounter(clock, logger, "connections of clients");
  }

  readonly guardRouter = (server: Server): void => this.#guard(server, this.#bounds.router);

  readonly guardApi = (server: Server): void => this.#guard(server, this.#bounds.api);

  check(): Check {
    const name = "open files";
    const { recent, total } = this.#refused;
    if (recent !== undefined) {
      const ago = `${Math.round(recent.agoMs / 1_000)} s ago`;
      const message = `Connections were refused, ${total} since the start, the last ${ago}: ${recent.why}.`;
      return { name, ok: false, message };
    }
    if (this.#limit === Infinity) return { name, ok: true, message: "The system sets no bound that is known here." };
    const used = openFiles() ?? this.#limit;
    const ok = used <= this.#limit * tolerableShare;
    return { name, ok, message: `${used} of ${this.#limit} are in use${ok ? "" : `; ${this.#advice}`}.` };
  }

  /** A server that listens takes no more connections at a time, and outlives what goes wrong with taking one. */
  #guard(server: Server, most: number): void {
    server.maxConnections = most;
    server.on("drop", () => this.#refused.add(1, `all ${most} that there may be are open; ${this.#advice}`));
    server.on("error", (error) => this.#refused.add(1, outOfFiles(error) ?? error.message));
  }

  get #advice(): string {
    const files = this.#limit === Infinity ? "" : ` (${this.#limit} now)`;
    return `raise \`ulimit -n\`${files}, or have clients close connections that they do not use`;
  }
}
