/** The role `poolmgr`: keeps instances running, hands out their slots, and collects what they print. */
import path from "node:path";
import { instanceKeys } from "../../auth/instance-keys.js";
import { LocalDriver } from "../../cluster/local/local-driver.js";
import { readProcessEnvironment } from "../../config/read-config.js";
import { LogSink } from "../../logs/log-sink.js";
import type { Check } from "../../model/check.js";
import type { PoolView } from "../../model/pool-view.js";
import { PoolManager } from "../../poolmgr/pool-manager.js";
import type { PoolmgrLink } from "../../poolmgr/router-link.js";
import { LogLineRepository } from "../../store/repositories/log-line.repository.js";
import type { Foundation } from "../foundation.js";

const mebibyte = 1024 * 1024;
/** Sources of functions kept in memory, so that a cold start asks no database. */
const codeCacheBytes = 64 * mebibyte;

export class PoolmgrRole {
  readonly driver: LocalDriver;
  readonly #poolManager: PoolManager;
  readonly #logs: LogSink;

  constructor(private readonly foundation: Foundation) {
    this.driver = buildLocalDriver(foundation);
    this.#logs = this.#buildLogs();
    this.#poolManager = this.#buildPoolManager();
  }

  /** For a router of this process. */
  get link(): PoolmgrLink {
    return this.#poolManager.hub;
  }

  get view(): PoolView {
    return this.#poolManager.view;
  }

  /** Resolves when pools are being filled. */
  async start(): Promise<void> {
    const { started } = this.foundation;
    started.push("instances", () => this.driver.stop());
    await this.driver.start();
    started.push("log lines", () => this.#logs.stop());
    const reading = this.driver.logs((output) => this.#logs.accept(output));
    started.push("output of instances", () => reading.stop());
    started.push("pool manager", () => this.#poolManager.stop());
    await this.#poolManager.start();
  }

  /** Resolves when what is desired was read after this call, or could not be read. */
  refresh(): Promise<void> {
    return this.#poolManager.refresh();
  }

  checks(): Check[] {
    const pools = this.driver.health().flatMap(({ problem }) => (problem === null ? [] : [problem]));
    const troubles = this.driver.warning === null ? pools : [this.driver.warning, ...pools];
    const ok = troubles.length === 0;
    return [
      { name: "instances", ok, message: ok ? "Pools are filled as they should be." : troubles.join(" ") },
      this.#logs.check(),
    ];
  }

  #buildLogs(): LogSink {
    const { store, metrics, clock, logger } = this.foundation;
    return new LogSink({
      store: new LogLineRepository(store.dataSource),
      identify: (id) => this.#poolManager.identify(id),
      metrics,
      clock,
      logger,
    });
  }

  #buildPoolManager(): PoolManager {
    const { config, clock, logger, metrics, routing, secret } = this.foundation;
    return new PoolManager({
      driver: this.driver,
      source: routing,
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

function buildLocalDriver({ config, clock, logger, store }: Foundation): LocalDriver {
  const { path: searchPath, lang } = readProcessEnvironment();
  return new LocalDriver({
    dataDir: store.dataDir,
    runtimesDir: path.resolve(import.meta.dirname, "../../../environments"),
    path: searchPath,
    lang,
    node: process.execPath,
    mapped: config.localRuntimes ?? [],
    clock,
    logger,
    maxInstances: config.maxInstances,
  });
}
