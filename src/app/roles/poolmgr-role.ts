/** The role `poolmgr`: keeps instances running, hands out their slots, and collects what they print; while it leads. */
import { instanceKeys } from "../../auth/instance-keys.js";
import { isAlone } from "../../config/contradictions.js";
import { AppError } from "../../errors/app-error.js";
import { aborted } from "../../lib/aborted.js";
import type { Leadership } from "../../lib/leadership.js";
import { LogSink } from "../../logs/log-sink.js";
import type { Stoppable } from "../../lib/stoppable.js";
import type { Check } from "../../model/check.js";
import type { PoolView } from "../../model/pool-view.js";
import { FencedDriver } from "../../poolmgr/fenced-driver.js";
import { PoolManager } from "../../poolmgr/pool-manager.js";
import type { PoolmgrLink } from "../../poolmgr/router-link.js";
import { LogLineRepository } from "../../store/repositories/log-line.repository.js";
import type { Foundation } from "../foundation.js";
import type { InstanceDriver } from "../instance-driver.js";
import { PoolmgrTerm } from "../poolmgr-term.js";
import type { Role } from "./role.js";

const mebibyte = 1024 * 1024;
/** Sources of functions kept in memory, so that a cold start asks no database. */
const codeCacheBytes = 64 * mebibyte;
/** A process that was killed holds its lock until the store has noticed. */
const takeOverWithinMs = 15_000;

export interface PoolmgrRoleNeeds {
  readonly driver: InstanceDriver;
  readonly leadership: Leadership;
}

export class PoolmgrRole implements Role {
  readonly name = "poolmgr";
  readonly #logs: LogSink;
  readonly #term = new PoolmgrTerm();
  /** Of the present term or the last: last words of instances come late. */
  #latest: PoolManager | undefined;

  constructor(
    private readonly foundation: Foundation,
    private readonly needs: PoolmgrRoleNeeds,
  ) {
    const { store, metrics, clock, logger } = foundation;
    this.#logs = new LogSink({
      store: new LogLineRepository(store.dataSource),
      identify: (id) => this.#latest?.identify(id),
      metrics,
      clock,
      logger,
    });
  }

  get leads(): boolean {
    return this.needs.leadership.isHeld;
  }

  /** For a router of this process. */
  get link(): PoolmgrLink {
    return this.#term;
  }

  get view(): PoolView {
    return this.#term;
  }

  async start(): Promise<void> {
    const { config, started, store } = this.foundation;
    const { driver, leadership } = this.needs;
    started.push("instances", () => driver.stop());
    await driver.start();
    started.push("log lines", () => this.#logs.stop());
    started.push("pool manager", () => leadership.stop());
    const leading = store.opened.then(() => this.#compete());
    if (isAlone(config)) await this.#expectToLead(leading);
  }

  unready(): string | undefined {
    return this.foundation.store.unopened;
  }

  /** Resolves when what is desired was read after this call, or could not be read. */
  async refresh(): Promise<void> {
    await this.#term.manager?.refresh();
  }

  checks(): Check[] {
    const { driver, leadership } = this.needs;
    const pools = driver.health().flatMap(({ problem }) => (problem === null ? [] : [problem]));
    const troubles = driver.warning === null ? pools : [driver.warning, ...pools];
    const ok = troubles.length === 0;
    return [
      { name: "pool manager", ok: true, message: leadership.describe() },
      { name: "instances", ok, message: ok ? "Pools are filled as they should be." : troubles.join(" ") },
      this.#logs.check(),
    ];
  }

  /** Resolves when this process leads for the first time, and its pools are being filled. */
  #compete(): Promise<void> {
    return new Promise((resolve) => this.needs.leadership.start((signal) => this.#lead(signal, resolve)));
  }

  /** The router of this process knows no other pool manager than the one beside it. */
  async #expectToLead(leading: Promise<void>): Promise<void> {
    let timer: { stop(): void } | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = this.foundation.clock.after(takeOverWithinMs, () => reject(alreadyLed(this.needs.leadership)));
    });
    await Promise.race([leading, late]);
    timer?.stop();
  }

  async #lead(signal: AbortSignal, onLeading: () => void): Promise<void> {
    const { logger } = this.foundation;
    const { driver, leadership } = this.needs;
    const manager = (this.#latest = this.#buildManager());
    logger.info({}, "this process leads: it manages the pools");
    this.#term.begin(manager);
    let reading: Stoppable | undefined;
    try {
      await Promise.race([manager.start(), aborted(signal)]);
      // Whose the instances are that print is known from here on.
      if (!signal.aborted) reading = driver.logs((output) => this.#logs.accept(output));
      if (!signal.aborted) onLeading();
      await aborted(signal);
    } finally {
      logger.info({ leadership: leadership.describe() }, "this process leads no more");
      this.#term.end();
      await (leadership.isHeld ? manager.stop() : manager.abandon());
      await reading?.stop();
    }
  }

  #buildManager(): PoolManager {
    const { config, clock, logger, metrics, routing, names, secret } = this.foundation;
    const { driver, leadership } = this.needs;
    return new PoolManager({
      driver: new FencedDriver(driver, () => leadership.isHeld),
      source: {
        load: () => names.load(),
        code: (functionId, version) => routing.code(functionId, version),
        subscribe: (listener) => routing.subscribe(listener),
      },
      metrics,
      clock,
      logger,
      keyOf: instanceKeys(secret),
      maxInstances: config.maxInstances,
      codeCacheBytes,
      onEvent: (instanceId, functionId, version, message) =>
        this.#logs.system(functionId, version, instanceId ?? "none", message),
    });
  }
}

const alreadyLed = (leadership: Leadership): AppError =>
  new AppError(
    "IN_USE",
    `another Fermi manages instances with this database already: ${leadership.describe()} Stop it, use another ` +
      "database, or run the roles as processes that know of each other (FERMI_POOLMGR_URL)",
  );
