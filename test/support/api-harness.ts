/** The API on a free port with a Postgres database of its own; pools and the running of functions are faked. */
import { Router } from "express";
import type { DataSource } from "typeorm";
import { ApiServer, type ApiServerOptions } from "../../src/app/api-server.js";
import { buildControlPlane, type ControlPlane } from "../../src/app/control-plane.js";
import { createFeeds } from "../../src/app/graphql-feeds.js";
import { type Clock, systemClock } from "../../src/lib/clock.js";
import type { Logger } from "../../src/lib/logger.js";
import { newId } from "../../src/lib/new-id.js";
import type { Check } from "../../src/model/check.js";
import type { Instance, Pool } from "../../src/model/instance.js";
import type { Invocation, InvocationResult } from "../../src/model/invocation.js";
import type { NewLogLine } from "../../src/model/log-line.js";
import type { TriggerSupport } from "../../src/services/trigger.service.js";
import type { ServerProcess } from "../../src/model/server-process.js";
import type { PoolView } from "../../src/model/pool-view.js";
import type { FunctionCall, InvokeOperation } from "../../src/resolvers/operations.js";
import { ChangeFeed } from "../../src/store/change-feed.js";
import { buildDataSource } from "../../src/store/data-source.js";
import { InvocationRepository } from "../../src/store/repositories/invocation.repository.js";
import { LogLineRepository } from "../../src/store/repositories/log-line.repository.js";
import { Wakeups } from "../../src/store/wakeups.js";
import { ApiClient } from "./api-client.js";
import { testDatabase } from "./test-database.js";

export type HarnessOptions = Partial<Pick<ApiServerOptions, "adminToken" | "limits" | "socketLimits" | "host">> & {
  /** Stands between the API and its database, given the database's address. */
  readonly throughProxy?: (url: string) => Promise<string>;
  readonly clock?: Clock;
  readonly stopTimeoutMs?: number;
};

/** Pools that are as a test says they are. */
export class FakePools implements PoolView {
  #pools: readonly Pool[] = [];
  readonly #listeners = new Set<(environmentId: string) => void>();

  get listenerCount(): number {
    return this.#listeners.size;
  }

  pools(): readonly Pool[] {
    return this.#pools;
  }

  instancesOf(functionId: string): readonly Instance[] {
    return this.#pools.flatMap(({ instances }) => instances.filter((instance) => instance.functionId === functionId));
  }

  onChange(listener: (environmentId: string) => void): { stop(): void } {
    this.#listeners.add(listener);
    return { stop: () => void this.#listeners.delete(listener) };
  }

  set(pool: Pool): void {
    this.#pools = [...this.#pools.filter(({ environmentId }) => environmentId !== pool.environmentId), pool];
    for (const listener of this.#listeners) listener(pool.environmentId);
  }
}

/** Runs nothing: keeps what it was asked and answers what the test says. */
export class FakeInvoker implements InvokeOperation {
  readonly calls: FunctionCall[] = [];
  result: InvocationResult = { httpStatus: 200, headers: { "content-type": "text/plain" }, body: "Hi", base64: false };
  failure: Error | undefined;

  invoke(_ctx: unknown, call: FunctionCall): Promise<{ invocation: Invocation; result: InvocationResult }> {
    this.calls.push(call);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const { functionId, method, path, source, triggerId } = call;
    const invocation = anInvocation({
      functionId,
      method,
      path,
      source,
      triggerId,
      functionVersion: call.version ?? 1,
    });
    return Promise.resolve({ invocation, result: this.result });
  }
}

export interface LogEntry {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** Keeps what is logged, so that a test can see that it was. */
export class KeptLog implements Logger {
  readonly entries: LogEntry[] = [];
  readonly debug = this.#keep("debug");
  readonly info = this.#keep("info");
  readonly warn = this.#keep("warn");
  readonly error = this.#keep("error");

  #keep(level: string): (fields: object, message: string) => void {
    return (fields, message) => void this.entries.push({ level, fields: { ...fields }, message });
  }
}

export class ApiHarness {
  readonly pools = new FakePools();
  readonly invoker = new FakeInvoker();
  readonly log = new KeptLog();
  /** An installation that serves all kinds of triggers, until told otherwise. */
  readonly support: TriggerSupport = { watchProblem: () => undefined, brokerProblem: () => undefined };
  slowSockets = 0;
  checks: Check[] = [{ name: "store", ok: true, message: "PostgreSQL answers." }];
  routerUrl = "http://localhost:31314";
  /** Told when somebody asks for the checks; they are given after `untilChecked`. */
  onChecks = (): void => {};
  untilChecked: Promise<void> = Promise.resolve();

  private constructor(
    readonly dataSource: DataSource,
    private readonly steps: (() => Promise<void>)[],
  ) {}

  client!: ApiClient;
  control!: ControlPlane;
  server!: ApiServer;
  port!: number;

  static async start(options: HarnessOptions = {}): Promise<ApiHarness> {
    const database = await testDatabase();
    const url = (await options.throughProxy?.(database.url)) ?? database.url;
    const dataSource = await buildDataSource({ url }).initialize();
    const wakeups = new Wakeups({ url });
    wakeups.start();
    const harness = new ApiHarness(dataSource, [
      () => database.drop(),
      () => dataSource.destroy(),
      () => wakeups.stop(),
    ]);
    await harness.#serve(wakeups, options);
    return harness;
  }

  /** Stops everything that was started, the last first. */
  async stop(): Promise<void> {
    for (const step of this.steps.reverse()) await step();
  }

  async insertLines(lines: readonly NewLogLine[]): Promise<void> {
    await new LogLineRepository(this.dataSource).write(lines, newId());
  }

  async insertInvocations(invocations: readonly Invocation[], namespace = "default"): Promise<void> {
    const records = invocations.map((invocation) => ({ invocation, namespace }));
    await new InvocationRepository(this.dataSource).write({ records, counts: [] }, newId());
  }

  async #serve(wakeups: Wakeups, options: HarnessOptions): Promise<void> {
    const clock = options.clock ?? systemClock;
    const images = { refuseImage: refuseUnknownImage };
    const store = { dataSource: this.dataSource, wakeups };
    const parts = (this.control = buildControlPlane(store, { images, support: this.support, clock: systemClock }));
    const changes = new ChangeFeed(this.dataSource, wakeups);
    const { invocations, logs } = parts;
    const { pools, invoker } = this;
    const startedAt = clock.now();
    this.server = new ApiServer({
      parts: {
        ...parts,
        invoker,
        pools,
        feeds: createFeeds({ logs, invocations, changes, pools }),
        server: {
          info: () => ({ version: "0.1.0", store: "postgres", routerUrl: this.routerUrl, startedAt }),
          cluster: () => Promise.resolve("fake"),
          processes: () => Promise.resolve([aProcess]),
          checks: () => {
            this.onChecks();
            return this.untilChecked.then(() => this.checks);
          },
        },
      },
      ...{ host: "127.0.0.1", port: 0, adminToken: null, logger: this.log, clock, stopTimeoutMs: 2_000 },
      socketMetrics: {
        slowSocketEnded: () => {
          this.slowSockets++;
        },
      },
      handlers: {
        healthz: (_req, res) => void res.send("ok"),
        readyz: (_req, res) => void res.send("ready"),
        metrics: (_req, res) => void res.send("metrics 1"),
        playground: Router()
          .get("/", (_req, res) => void res.send("<html>"))
          .get("/assets/*file", (_req, res) => void res.send("file")),
      },
      ...options,
    });
    this.steps.push(() => this.server.stop());
    ({ port: this.port } = await this.server.start());
    this.client = new ApiClient(this.port, options.adminToken ?? undefined);
    this.steps.push(() => this.client.close());
  }
}

export const aProcess: ServerProcess = {
  id: "10000000-0000-4000-8000-000000000000",
  roles: ["api", "router"],
  host: "machine-1",
  version: "0.1.0",
  startedAt: new Date("2030-01-01T00:00:00Z"),
  unready: "The store is away.",
  leads: [],
  cluster: null,
  checks: [],
};

const refuseUnknownImage = (image: string): string | undefined =>
  image.includes("fermi/") ? undefined : "The image must be one of fermi/nodejs, fermi/python.";

export function anInvocation(fields: Partial<Invocation> & Pick<Invocation, "functionId">): Invocation {
  const acceptedAt = fields.acceptedAt ?? new Date();
  return {
    id: newId(),
    functionVersion: 1,
    source: "HTTP",
    triggerId: null,
    status: "SUCCEEDED",
    method: "GET",
    path: "/hello",
    httpStatus: 200,
    error: null,
    coldStart: false,
    durationMs: 12.5,
    waitMs: 0.5,
    attempts: 1,
    requestBytes: 3,
    responseBytes: 5,
    instance: "nodejs-1",
    acceptedAt,
    finishedAt: acceptedAt,
    ...fields,
  };
}

export const aLine = (fields: Partial<NewLogLine> & Pick<NewLogLine, "functionId">): NewLogLine => ({
  at: new Date(),
  stream: "STDOUT",
  message: "a line",
  functionVersion: 1,
  invocationId: null,
  instance: "nodejs-1",
  ...fields,
});

export const aPool = (environmentId: string, fields: Partial<Pool> = {}): Pool => ({
  ...{ environmentId, warm: 3, starting: 0, specialized: 0, problem: null, instances: [] },
  ...fields,
});
