/** The role `router`: answers HTTP with functions, and records what became of each request. */
import type { RequestListener } from "node:http";
import type { Socket } from "node:net";
import { AsyncInvocations } from "../../invocations/async-invocations.js";
import { BatchingRecorder } from "../../invocations/recorder.js";
import type { Check } from "../../model/check.js";
import type { PoolmgrLink } from "../../poolmgr/router-link.js";
import { defaultRouterLimits, Router } from "../../router/router.js";
import { AsyncInvocationRepository } from "../../store/repositories/async-invocation.repository.js";
import { InvocationRepository } from "../../store/repositories/invocation.repository.js";
import { addressForPeople } from "../address.js";
import type { Foundation } from "../foundation.js";
import { keepYoungObjectsYoung } from "../young-objects.js";
import type { RouterPart } from "./role.js";

const mebibyte = 1024 * 1024;
/** Records that wait while the store is away. */
const maxRecords = 50_000;

export interface RouterRoleNeeds {
  /** The way to the pool manager, in this process or another. */
  readonly link: PoolmgrLink;
  /** Answers `/-/metrics`. */
  readonly metrics: RequestListener;
  /** Given in a worker: of how many it is one, whose bounds together are those of one router. */
  readonly workers?: number;
  /** Why else no traffic should come here, in words. */
  readonly alsoUnready?: () => string | undefined;
}

export class RouterRole implements RouterPart {
  readonly name = "router";
  readonly #recorder: BatchingRecorder;
  readonly #router: Router;
  #address = "";

  constructor(
    private readonly foundation: Foundation,
    needs: RouterRoleNeeds,
  ) {
    const share = (bound: number): number => Math.ceil(bound / (needs.workers ?? 1));
    const { config, clock, logger, metrics, store, routing, names, auth, functionTokens, topics, openFiles } =
      foundation;
    const invocations = new InvocationRepository(store.dataSource);
    this.#recorder = new BatchingRecorder({
      store: invocations,
      metrics,
      clock,
      logger,
      recordRate: share(config.recordRate),
      maxRecords: share(maxRecords),
    });
    this.#router = new Router({
      ...needs,
      intake: new AsyncInvocations({
        store: new AsyncInvocationRepository(store.dataSource),
        invocations,
        clock,
      }),
      internalAuth: auth,
      guard: openFiles.guardRouter,
      publishing: { tokens: functionTokens, topics },
      readable: store.opened,
      source: { load: () => names.load(), subscribe: (listener) => routing.subscribe(listener) },
      recorder: this.#recorder,
      clock,
      logger,
      host: config.host,
      port: config.routerPort,
      maxBodyBytes: config.maxBodyMib * mebibyte,
      maxKeptBytes: share(defaultRouterLimits.maxKeptBytes),
      headersTimeoutMs: config.headTimeoutSeconds * 1_000,
      unreadMs: config.readTimeoutSeconds * 1_000,
      trustedProxies: config.trustedProxies,
      maxWaitingPerFunction: share(defaultRouterLimits.maxWaitingPerFunction),
    });
  }

  /** Where it listens, as an address on this machine; empty until it is started. */
  get address(): string {
    return this.#address;
  }

  /** Requests that wait for an instance. */
  get waiting(): number {
    return this.#router.waiting;
  }

  unready(): string | undefined {
    return this.#router.unready;
  }

  /** Resolves when routes are loaded. */
  get ready(): Promise<void> {
    return this.#router.ready;
  }

  /** Serves a connection that was taken elsewhere. */
  adopt(socket: Socket): void {
    this.#router.adopt(socket);
  }

  /** Says that it is not ready, and goes on. */
  drain(): void {
    this.#router.drain();
  }

  /** Resolves when requests are taken. */
  async start(): Promise<void> {
    keepYoungObjectsYoung();
    const { config, started } = this.foundation;
    started.push("invocation records", () => this.#recorder.stop());
    started.push("router", () => this.#router.stop(config.stopTimeoutSeconds * 1_000));
    const { port } = await this.#router.start();
    this.#address = addressForPeople(config.host, port);
  }

  /** Resolves when routes that were read after this call are in force, or could not be read. */
  refresh(): Promise<void> {
    return this.#router.refresh();
  }

  checks(): Check[] {
    const ok = this.#router.isReady;
    const message = ok ? "Routes are loaded." : "Routes could not be loaded yet; the store may be away.";
    return [{ name: "routes", ok, message }, this.#recorder.check()];
  }
}
