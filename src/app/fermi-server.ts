/** All parts of Fermi in one process: made here, started in order, stopped in reverse. */
import path from "node:path";
import type { RequestHandler } from "express";
import { instanceKeys } from "../auth/instance-keys.js";
import type { LocalDriver } from "../cluster/local/local-driver.js";
import type { Config } from "../config/settings.js";
import { BatchingRecorder } from "../invocations/recorder.js";
import { Invoker } from "../invocations/invoker.js";
import { systemClock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { newId } from "../lib/new-id.js";
import { newKey } from "../lib/new-key.js";
import { programVersion } from "../lib/program-version.js";
import { StopStack } from "../lib/stop-stack.js";
import { LogSink } from "../logs/log-sink.js";
import { Retention } from "../logs/retention.js";
import type { Check } from "../model/check.js";
import type { RequestContext } from "../model/request-context.js";
import type { PoolManager } from "../poolmgr/pool-manager.js";
import type { ApiParts } from "../resolvers/operations.js";
import type { Router } from "../router/router.js";
import { ChangeFeed } from "../store/change-feed.js";
import { Housekeeping } from "../store/housekeeping.js";
import { InvocationRepository } from "../store/repositories/invocation.repository.js";
import { LogLineRepository } from "../store/repositories/log-line.repository.js";
import { RecordPartitions } from "../store/repositories/record-partitions.js";
import { RoutingStore } from "../store/routing-store.js";
import { StoreHealth } from "../store/store-health.js";
import { ApiServer } from "./api-server.js";
import { buildControlPlane, type ControlPlane } from "./control-plane.js";
import { buildLocalDriver, buildPoolManager, buildRouter } from "./data-plane.js";
import { createExamples, exampleName } from "./examples.js";
import { createFeeds } from "./graphql-feeds.js";
import { KnownNames } from "./known-names.js";
import { Metrics } from "./metrics.js";
import { openStore, type OpenStore } from "./open-store.js";
import { playground } from "./playground.js";

const mebibyte = 1024 * 1024;
const inForceWithinMs = 500;
const clock = systemClock;

/** What is there once the store is open and the parts are made. */
interface Parts {
  readonly store: OpenStore;
  readonly storeName: string;
  readonly control: ControlPlane;
  readonly changes: ChangeFeed;
  readonly driver: LocalDriver;
  readonly poolManager: PoolManager;
  readonly router: Router;
  readonly recorder: BatchingRecorder;
  readonly logs: LogSink;
  readonly metrics: Metrics;
  readonly health: StoreHealth;
}

export class FermiServer {
  readonly #started: StopStack;
  readonly #startedAt = clock.now();
  /** Opens the router's own path to the API of this process; nobody else ever learns it. */
  readonly #internalKey = newKey();
  #isStopping = false;
  #isServing = false;
  #hasExample = false;
  #parts: Parts | undefined;
  #apiUrl = "";
  #routerUrl = "";

  constructor(
    private readonly config: Config,
    private readonly logger: Logger,
  ) {
    this.#started = new StopStack((part, error) => logger.error({ part, err: error }, "a part did not stop cleanly"));
  }

  get apiUrl(): string {
    return this.#apiUrl;
  }

  /** As callers see it. */
  get routerUrl(): string {
    return this.config.routerUrl ?? this.#routerUrl;
  }

  /** Where data is kept, for people. */
  get place(): string {
    return this.#parts?.store.place ?? "";
  }

  /** The function that an empty store gets is there. */
  get hasExample(): boolean {
    return this.#hasExample;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Resolves when requests are answered. Rejects with whatever kept a part from starting; `stop` is then still to be called. */
  async start(): Promise<void> {
    const { config, logger } = this;
    const store = await openStore({ config, clock, logger, started: this.#started });
    const parts = await this.#build(store);
    this.#parts = parts;
    await this.#startRecords(parts);
    await this.#createExamples(parts, config.examples);
    await this.#startDataPlane(parts);
    this.#isServing = true;
    await this.#startApi(parts);
  }

  /** Requests in flight may finish for the configured time; then everything ends. Idempotent. */
  stop(): Promise<void> {
    this.#isStopping = true;
    return this.#started.stop();
  }

  async #build(store: OpenStore): Promise<Parts> {
    const { config, logger } = this;
    const { dataSource, wakeups, dataDir } = store;
    const surroundings = { config, clock, logger };
    const driver = buildLocalDriver(surroundings, dataDir);
    await driver.start();
    this.#started.push("instances", () => driver.stop());
    const changes = new ChangeFeed(dataSource, wakeups);
    const routing = new RoutingStore(dataSource, changes);
    const names = new KnownNames(routing);
    const metrics: Metrics = new Metrics({
      pools: () => poolManager.view.pools(),
      environmentName: (id) => names.environmentName(id),
      functionName: (id) => names.functionName(id),
      waiting: () => router.waiting,
    });
    const logs: LogSink = new LogSink({
      store: new LogLineRepository(dataSource),
      identify: (id) => poolManager.identify(id),
      metrics,
      clock,
      logger,
    });
    const recorder = new BatchingRecorder({
      store: new InvocationRepository(dataSource),
      metrics,
      clock,
      logger,
      recordRate: config.recordRate,
    });
    const keyOf = instanceKeys(config.internalSecret ?? newKey());
    const poolManager = buildPoolManager(surroundings, { driver, source: routing, metrics, logs, keyOf });
    const source = { load: () => names.load(), subscribe: (listener: () => void) => routing.subscribe(listener) };
    const { link } = poolManager;
    const router = buildRouter(surroundings, { source, link, recorder, internalKey: this.#internalKey });
    const health = new StoreHealth(dataSource);
    const inForce = (): Promise<void> => this.#inForce([poolManager, router]);
    const control = buildControlPlane(store, driver, clock, inForce);
    const storeName = await health.describe();
    return { store, storeName, control, changes, driver, poolManager, router, recorder, logs, metrics, health };
  }

  /**
   * Whoever has the answer to a change may call the function next, so router and pool manager look before it is given.
   * In vain for at most a moment: they look by themselves too.
   */
  async #inForce(parts: readonly { refresh(): Promise<void> }[]): Promise<void> {
    if (!this.#isServing) return;
    let timer: { stop(): void } | undefined;
    const moment = new Promise<void>((resolve) => (timer = clock.after(inForceWithinMs, resolve)));
    await Promise.race([Promise.all(parts.map((part) => part.refresh())), moment]);
    timer?.stop();
  }

  /** Stopped after everything that makes records. */
  async #startRecords({ store: { dataSource }, driver, recorder, logs }: Parts): Promise<void> {
    const { config, logger } = this;
    const { retentionDays } = config;
    const storage = new RecordPartitions(dataSource);
    const logMaxBytes = config.logMaxMib * mebibyte;
    const retention = new Retention({ storage, clock, logger, retentionDays, logMaxBytes });
    await retention.start();
    this.#started.push("retention", () => retention.stop());
    const housekeeping = new Housekeeping({ dataSource, clock, logger, retentionDays });
    housekeeping.start();
    this.#started.push("housekeeping", () => housekeeping.stop());
    this.#started.push("invocation records", () => recorder.stop());
    this.#started.push("log lines", () => logs.stop());
    const reading = driver.logs((output) => logs.accept(output));
    this.#started.push("output of instances", () => reading.stop());
  }

  async #createExamples({ control, driver }: Parts, areWanted: boolean): Promise<void> {
    const ctx: RequestContext = {
      principal: { subject: "fermi", roles: ["admin"], namespaces: ["*"] },
      requestId: newId(),
      signal: new AbortController().signal,
    };
    if (areWanted) await createExamples(control, ctx, driver.images.includes("fermi/python"));
    this.#hasExample = (await control.functions.find(ctx, exampleName)) !== undefined;
  }

  async #startDataPlane({ poolManager, router }: Parts): Promise<void> {
    const { config } = this;
    this.#started.push("pool manager", () => poolManager.stop());
    await poolManager.start();
    this.#started.push("router", () => router.stop(config.stopTimeoutSeconds * 1_000));
    const { port } = await router.start();
    this.#routerUrl = `http://${hostForPeople(config.host)}:${port}`;
  }

  async #startApi(parts: Parts): Promise<void> {
    const { config, logger } = this;
    const { poolManager, control, metrics, health, router } = parts;
    const api = new ApiServer({
      parts: { ...control, ...this.#live(parts), pools: poolManager.view, server: this.#server(parts) },
      host: config.host,
      port: config.apiPort,
      adminToken: config.adminToken,
      logger,
      clock,
      stopTimeoutMs: 5_000,
      handlers: {
        healthz: (_req, res) => void res.type("text").send("ok\n"),
        readyz: readiness(async () => router.isReady && (await health.storeCheck()).ok),
        metrics: scrape(metrics),
        playground: playground(path.resolve(import.meta.dirname, "../../web/dist")),
      },
    });
    this.#started.push("API", () => api.stop());
    const { port } = await api.start();
    this.#apiUrl = `http://${hostForPeople(config.host)}:${port}`;
  }

  #live({ control: { logs, invocations }, changes, poolManager }: Parts): Pick<ApiParts, "feeds" | "invoker"> {
    return {
      feeds: createFeeds({ logs, invocations, changes, pools: poolManager.view }),
      invoker: new Invoker({ routerUrl: () => this.#routerUrl, internalKey: this.#internalKey, clock }),
    };
  }

  #server(parts: Parts): ApiParts["server"] {
    return {
      info: () => ({
        version: programVersion(),
        cluster: "local",
        store: parts.storeName,
        routerUrl: this.routerUrl,
        startedAt: this.#startedAt,
      }),
      checks: () => checks(parts),
    };
  }
}

async function checks({ health, driver, recorder, logs, router }: Parts): Promise<Check[]> {
  const pools = driver.health().flatMap(({ problem }) => (problem === null ? [] : [problem]));
  const troubles = driver.warning === null ? pools : [driver.warning, ...pools];
  return [
    ...(await health.checks()),
    {
      name: "routes",
      ok: router.isReady,
      message: router.isReady ? "Routes are loaded." : "Routes could not be loaded yet; the store may be away.",
    },
    {
      name: "instances",
      ok: troubles.length === 0,
      message: troubles.length === 0 ? "Pools are filled as they should be." : troubles.join(" "),
    },
    recorder.check(),
    logs.check(),
  ];
}

const readiness =
  (isReady: () => Promise<boolean>): RequestHandler =>
  async (_req, res) => {
    const ready = await isReady();
    res
      .status(ready ? 200 : 503)
      .type("text")
      .send(ready ? "ready\n" : "not ready\n");
  };

const scrape =
  (metrics: Metrics): RequestHandler =>
  async (_req, res) => {
    const { contentType, body } = await metrics.render();
    res.set("Content-Type", contentType).send(body);
  };

/** Every address of this machine, and loopback, are reached as localhost. */
const hostForPeople = (host: string): string =>
  ["127.0.0.1", "0.0.0.0", "::", "::1"].includes(host) ? "localhost" : host.includes(":") ? `[${host}]` : host;
