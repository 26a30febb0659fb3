import path from "node:path";
import { LocalDriver } from "../cluster/local/local-driver.js";
import { readProcessEnvironment } from "../config/read-config.js";
import type { Config } from "../config/settings.js";
import type { InvocationRecorder } from "../invocations/record-invocation.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import type { LogSink } from "../logs/log-sink.js";
import { PoolManager } from "../poolmgr/pool-manager.js";
import type { PoolSource } from "../poolmgr/pool-source.js";
import type { PoolmgrLink } from "../poolmgr/router-link.js";
import { Router } from "../router/router.js";
import type { RouteSource } from "../router/route-source.js";
import type { Metrics } from "./metrics.js";

interface Surroundings {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
}

const mebibyte = 1024 * 1024;
/** Sources of functions kept in memory, so that a cold start asks no database. */
const codeCacheBytes = 64 * mebibyte;

export function buildLocalDriver({ config, clock, logger }: Surroundings, dataDir: string): LocalDriver {
  const { path: searchPath, lang } = readProcessEnvironment();
  return new LocalDriver({
    dataDir,
    runtimesDir: path.resolve(import.meta.dirname, "../../environments"),
    path: searchPath,
    lang,
    node: process.execPath,
    clock,
    logger,
    maxInstances: config.maxInstances,
  });
}

interface PoolManagerNeeds {
  readonly driver: LocalDriver;
  readonly source: PoolSource;
  readonly metrics: Metrics;
  readonly logs: LogSink;
  readonly keyOf: (instanceId: string) => string;
}

export const buildPoolManager = ({ config, clock, logger }: Surroundings, needs: PoolManagerNeeds): PoolManager =>
  new PoolManager({
    driver: needs.driver,
    source: needs.source,
    metrics: needs.metrics,
    clock,
    logger,
    keyOf: needs.keyOf,
    maxInstances: config.maxInstances,
    codeCacheBytes,
    onEvent: (instanceId, functionId, version, message) =>
      needs.logs.system(functionId, version, instanceId ?? "none", message),
  });

interface RouterNeeds {
  readonly source: RouteSource;
  readonly link: PoolmgrLink;
  readonly recorder: InvocationRecorder;
  readonly internalKey: string;
}

export const buildRouter = ({ config, clock, logger }: Surroundings, needs: RouterNeeds): Router =>
  new Router({
    ...needs,
    clock,
    logger,
    host: config.host,
    port: config.routerPort,
    maxBodyBytes: config.maxBodyMib * mebibyte,
    trustedProxies: config.trustedProxies,
  });
