/** A real router on a free port, in front of real servers, with the pool manager, the store and the recorder faked. */
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { InternalAuth } from "../../../src/auth/internal-auth.js";
import { silentLogger, type Logger } from "../../../src/lib/logger.js";
import { systemClock } from "../../../src/lib/clock.js";
import type { HttpTrigger } from "../../../src/model/trigger.js";
import type { GrantedInstance } from "../../../src/poolmgr/router-link.js";
import { Router, type RouterLimits, type RouterOptions } from "../../../src/router/router.js";
import type { RoutedFunction, RouteSnapshot, RouteSource } from "../../../src/router/route-source.js";
import { FakePoolmgr } from "./fake-poolmgr.js";
import { FakeRecorder } from "./fake-recorder.js";
import { aFunction, aTrigger } from "./route-builders.js";
import { until } from "./until.js";

export const internalAuth = new InternalAuth("the secret of this installation", systemClock);

const everyMethod = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

export class FakeSource implements RouteSource {
  snapshot: RouteSnapshot;
  failure: Error | undefined;
  loads = 0;
  #onChange: () => void = () => {};

  constructor(functions: readonly RoutedFunction[], triggers: readonly HttpTrigger[]) {
    this.snapshot = { functions, triggers };
  }

  load(): Promise<RouteSnapshot> {
    this.loads++;
    return this.failure === undefined ? Promise.resolve(this.snapshot) : Promise.reject(this.failure);
  }

  subscribe(onChange: () => void): { stop(): void } {
    this.#onChange = onChange;
    return { stop: () => (this.#onChange = () => {}) };
  }

  change(snapshot: Partial<RouteSnapshot>): void {
    this.snapshot = { ...this.snapshot, ...snapshot };
    this.#onChange();
  }
}

export interface StageOptions extends Partial<RouterLimits> {
  readonly functions?: readonly RoutedFunction[];
  readonly triggers?: readonly HttpTrigger[];
  readonly trustedProxies?: readonly string[];
  readonly logger?: Logger;
  readonly publishing?: RouterOptions["publishing"];
  readonly intake?: RouterOptions["intake"];
  readonly guard?: RouterOptions["guard"];
}

/** Grants of the function `hello` unless told otherwise. */
type Grant = Partial<Omit<GrantedInstance, "address">>;

export class Stage {
  readonly poolmgr = new FakePoolmgr();
  readonly recorder = new FakeRecorder();
  readonly source: FakeSource;
  readonly router: Router;
  port = 0;
  #servers: net.Server[] = [];
  #sockets = new Set<net.Socket>();
  #granted = 0;

  private constructor(options: StageOptions) {
    const { functions = [aFunction("hello")], triggers, logger = silentLogger, ...limits } = options;
    this.source = new FakeSource(functions, triggers ?? [aTrigger("/*", { methods: everyMethod })]);
    const { poolmgr: link, recorder, source } = this;
    const shared = { host: "127.0.0.1", port: 0, link, recorder, source, logger, internalAuth, clock: systemClock };
    this.router = new Router({ ...shared, ...limits });
  }

  static async start(options: StageOptions = {}): Promise<Stage> {
    const stage = new Stage(options);
    stage.port = (await stage.router.start()).port;
    if (stage.source.failure === undefined) await until("routes are loaded", () => stage.router.isReady);
    return stage;
  }

  get records() {
    return this.recorder.records;
  }

  /** The one record there is to be. */
  async record() {
    await until("a record", () => this.records.length > 0);
    const [record, ...more] = this.records;
    if (record === undefined || more.length > 0) throw new Error(`${this.records.length} records instead of one`);
    return record;
  }

  /** An HTTP server as an instance of the function. */
  async serve(
    handler: (req: http.IncomingMessage, res: http.ServerResponse) => unknown,
    grant: Grant = {},
  ): Promise<{ id: string; server: http.Server; port: number }> {
    const server = http.createServer({ keepAliveTimeout: 60_000 }, (req, res) => void handler(req, res));
    return { ...(await this.listen(server, grant)), server };
  }

  /** A bare TCP server as an instance, for answers that no HTTP server would give. */
  serveRaw(onConnection: (socket: net.Socket) => void, grant: Grant = {}): Promise<{ id: string; port: number }> {
    return this.listen(net.createServer(onConnection), grant);
  }

  async listen(server: net.Server, grant: Grant): Promise<{ id: string; port: number }> {
    const port = await this.open(server);
    return { id: this.grant(port, grant), port };
  }

  /** Starts a server without granting it. */
  async open(server: net.Server): Promise<number> {
    server.on("connection", (socket: net.Socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    this.#servers.push(server);
    return (server.address() as AddressInfo).port;
  }

  grant(port: number, grant: Grant = {}): string {
    const instance = this.#instance(port, grant);
    this.poolmgr.grant(instance);
    return instance.id;
  }

  /** Tells that the instance is being specialized. */
  prepare(port: number, grant: Grant = {}): void {
    this.poolmgr.prepare(this.#instance(port, grant));
  }

  #instance(port: number, grant: Grant): GrantedInstance {
    const id = grant.id ?? `instance-${++this.#granted}`;
    const usual = { functionId: "id-of-hello", version: 1, key: `key-of-${id}`, contract: "FERMI", slots: 10 } as const;
    return { ...usual, ...grant, id, address: `127.0.0.1:${port}` };
  }

  /** Connections that instances have open now. */
  get openUpstream(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    await this.router.stop(0);
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** Reads a request's body. */
export async function bodyOf(req: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** A port on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
