/** The role `api`: GraphQL, the playground, and the door for calling functions through GraphQL. */
import path from "node:path";
import { isAlone } from "../../config/contradictions.js";
import { AppError } from "../../errors/app-error.js";
import { Invoker } from "../../invocations/invoker.js";
import { newId } from "../../lib/new-id.js";
import { programVersion } from "../../lib/program-version.js";
import type { Check } from "../../model/check.js";
import type { PoolView } from "../../model/pool-view.js";
import type { RequestContext } from "../../model/request-context.js";
import type { RemotePoolView } from "../../poolmgr/remote-pool-view.js";
import type { ServerOperations } from "../../resolvers/operations.js";
import type { NatsBroker } from "../../triggers/queue/nats-broker.js";
import type { EnvironmentServiceParts } from "../../services/environment.service.js";
import { addressForPeople } from "../address.js";
import { ApiServer } from "../api-server.js";
import { buildControlPlane, type ControlPlane } from "../control-plane.js";
import { createExamples, exampleName } from "../examples.js";
import type { Foundation } from "../foundation.js";
import { createFeeds } from "../graphql-feeds.js";
import { answerHealthy, answerMetrics, answerReady } from "../health.js";
import type { Installation } from "../installation.js";
import { NetworkCheck } from "../network-check.js";
import { playground } from "../playground.js";
import { natsBroker } from "../queue-brokers.js";
import { triggerSupport } from "../trigger-support.js";
import type { Role } from "./role.js";

const anyAddress = (pools: PoolView): string | null =>
  pools.pools().flatMap(({ instances }) => instances.flatMap(({ address }) => address ?? []))[0] ?? null;

export interface ApiRoleNeeds {
  readonly pools: PoolView;
  /** The same, where it is of another process and has to be started here. */
  readonly remotePools?: Pick<RemotePoolView, "start" | "stop" | "check">;
  readonly images: EnvironmentServiceParts["images"] & { readonly images: readonly string[] };
  /** The address to which calls of functions are sent. */
  readonly routerAddress: () => string;
  readonly installation: Pick<Installation, "unready" | "cluster" | "processes" | "checks" | "inForce">;
  /** Answers end their connections, so that clients connect anew elsewhere. */
  readonly isDraining: () => boolean;
}

export class ApiRole implements Role {
  readonly name = "api";
  readonly #startedAt: Date;
  readonly #control: ControlPlane;
  /** For counting what waits there; it connects when that is asked for. */
  readonly #nats: NatsBroker | undefined;
  #address = "";
  #storeName = "";
  #hasExample = false;
  readonly #network: NetworkCheck;

  constructor(
    private readonly foundation: Foundation,
    private readonly needs: ApiRoleNeeds,
  ) {
    const { store, clock, logger } = foundation;
    this.#nats = natsBroker(foundation);
    this.#startedAt = clock.now();
    this.#network = new NetworkCheck(() => anyAddress(needs.pools), clock);
    this.#control = buildControlPlane(store, {
      images: needs.images,
      support: triggerSupport(foundation.config),
      clock,
      logger,
      ...(this.#nats && { nats: this.#nats }),
      inForce: () => needs.installation.inForce(),
    });
  }

  /** Where it listens, as an address on this machine; empty until it is started. */
  get address(): string {
    return this.#address;
  }

  /** The function that an empty store gets is there. */
  get hasExample(): boolean {
    return this.#hasExample;
  }

  /** Resolves when operations are answered. */
  async start(): Promise<void> {
    const { config, started, store } = this.foundation;
    const prepared = store.opened.then(() => this.#prepare());
    if (isAlone(config)) await prepared;
    const { remotePools } = this.needs;
    started.push("view of the pools", () => remotePools?.stop());
    remotePools?.start();
    started.push("NATS", () => this.#nats?.stop());
    const api = this.#buildServer();
    started.push("API", () => api.stop());
    const { port } = await api.start();
    this.#address = addressForPeople(config.host, port);
  }

  async unready(): Promise<string | undefined> {
    const { store, health } = this.foundation;
    if (store.unopened !== undefined) return store.unopened;
    const { ok, message } = await health.storeCheck();
    return ok ? undefined : message;
  }

  async checks(): Promise<Check[]> {
    const { remotePools } = this.needs;
    const { cluster, roles } = this.foundation.config;
    const isStranger = cluster === "kubernetes" && !roles.includes("router") && !roles.includes("poolmgr");
    return [
      ...(remotePools === undefined ? [] : [remotePools.check()]),
      ...(isStranger ? [await this.#network.get()] : []),
    ];
  }

  /** What has to wait for the store. */
  async #prepare(): Promise<void> {
    const { config, health, logger } = this.foundation;
    try {
      this.#storeName = await health.describe();
      await this.#createExamples(config.examples);
    } catch (error) {
      if (isAlone(config)) throw error;
      // Another API has been making them at the same moment.
      if (error instanceof AppError && error.code === "ALREADY_EXISTS") return;
      logger.warn({ err: error }, "the examples could not be made; they come with the next start");
    }
  }

  async #createExamples(areWanted: boolean): Promise<void> {
    const ctx: RequestContext = {
      principal: { subject: "fermi", roles: ["admin"], namespaces: ["*"] },
      requestId: newId(),
      signal: new AbortController().signal,
    };
    if (areWanted) await createExamples(this.#control, ctx, this.needs.images.images.includes("fermi/python"));
    this.#hasExample = (await this.#control.functions.find(ctx, exampleName)) !== undefined;
  }

  #buildServer(): ApiServer {
    const { config, logger, clock, metrics, changes, auth, openFiles } = this.foundation;
    const { pools, routerAddress: routerUrl, installation, isDraining } = this.needs;
    const { logs, invocations } = this.#control;
    return new ApiServer({
      parts: {
        ...this.#control,
        pools,
        feeds: createFeeds({ logs, invocations, changes, pools }),
        invoker: new Invoker({ routerUrl, sign: (request) => auth.sign(request), clock }),
        server: this.#serverOperations(),
      },
      host: config.host,
      port: config.apiPort,
      adminToken: config.adminToken,
      logger,
      clock,
      stopTimeoutMs: config.stopTimeoutSeconds * 1_000,
      isDraining,
      guard: openFiles.guardApi,
      socketMetrics: metrics,
      handlers: {
        healthz: answerHealthy,
        readyz: answerReady(() => installation.unready()),
        metrics: answerMetrics(metrics),
        playground: playground(path.resolve(import.meta.dirname, "../../../web/dist")),
      },
    });
  }

  #serverOperations(): ServerOperations {
    const { config } = this.foundation;
    const { routerAddress, installation } = this.needs;
    return {
      info: () => ({
        version: programVersion(),
        store: this.#storeName,
        routerUrl: config.routerUrl ?? routerAddress(),
        startedAt: this.#startedAt,
      }),
      cluster: () => installation.cluster(),
      processes: () => installation.processes(),
      checks: () => installation.checks(),
    };
  }
}
