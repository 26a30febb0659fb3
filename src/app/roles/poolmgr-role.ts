/** The role `poolmgr`: keeps instances running, hands out their slots, and collects what they print; while it leads. */
import type { RequestListener } from "node:http";
import { instanceKeys } from "../../auth/instance-keys.js";
import { internalAuthHeader } from "../../auth/internal-auth.js";
import { isAlone } from "../../config/contradictions.js";
import { aborted } from "../../lib/aborted.js";
import type { Leadership } from "../../lib/leadership.js";
import { LogSink } from "../../logs/log-sink.js";
import type { Stoppable } from "../../lib/stoppable.js";
import type { Check } from "../../model/check.js";
import type { FunctionSpec, Variable } from "../../model/function.js";
import type { PoolView } from "../../model/pool-view.js";
import { PoolmgrEndpoint } from "../../poolmgr/poolmgr-endpoint.js";
import { PoolManager } from "../../poolmgr/pool-manager.js";
import { reaches } from "../../poolmgr/reaches.js";
import type { PoolmgrLink } from "../../poolmgr/router-link.js";
import { LogLineRepository } from "../../store/repositories/log-line.repository.js";
import { addressForPeople } from "../address.js";
import type { Foundation } from "../foundation.js";
import type { InstanceHost, Tenure } from "../instance-host.js";
import { OpsServer } from "../ops-server.js";
import { PoolmgrTerm } from "../poolmgr-term.js";
import type { Role } from "./role.js";

const mebibyte = 1024 * 1024;
/** Sources of functions kept in memory, so that a cold start asks no database. */
const codeCacheBytes = 64 * mebibyte;

export interface PoolmgrRoleNeeds {
  readonly host: InstanceHost;
  readonly leadership: Leadership;
  /** Where instances reach a router; empty where that is not known. */
  readonly routerAddress: () => string;
  /** Health and metrics, by path. */
  readonly pages: ReadonlyMap<string, RequestListener>;
  /** The router of this process is in workers. */
  readonly hasWorkers: boolean;
}

/** Where workers reach a pool manager that nobody else is to reach. */
const innerHost = "127.0.0.1";

export class PoolmgrRole implements Role {
  readonly name = "poolmgr";
  readonly #logs: LogSink;
  readonly #term = new PoolmgrTerm();
  #isStopping = false;
  #address = "";
  #innerUrl = "";
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

  /** Where routers and APIs of other processes find it, as an address on this machine; empty where there are none. */
  get address(): string {
    return this.#address;
  }

  /** Where workers of this process find it, where it is no other process's affair; empty until it is started. */
  get innerUrl(): string {
    return this.#innerUrl;
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
    const { host, leadership } = this.needs;
    started.push("instances", () => host.stop());
    await host.start();
    started.push("log lines", () => this.#logs.stop());
    if (!isAlone(config)) {
      this.#address = addressForPeople(config.host, await this.#listen(config.host, config.poolmgrPort));
    } else if (this.needs.hasWorkers) {
      this.#innerUrl = `http://${innerHost}:${await this.#listen(innerHost, 0)}`;
    }
    started.push("pool manager", () => {
      this.#isStopping = true;
      return leadership.stop();
    });
    const leading = store.opened.then(() => this.#compete());
    if (isAlone(config)) await leading;
  }

  unready(): string | undefined {
    return this.foundation.store.unopened;
  }

  /** Resolves when what is desired was read after this call, or could not be read. */
  async refresh(): Promise<void> {
    await this.#term.manager?.refresh();
  }

  async checks(): Promise<Check[]> {
    const { host, leadership } = this.needs;
    const leader = { name: "pool manager", ok: true, message: leadership.describe() };
    return [leader, ...(await host.checks()), ...this.#poolCheck(), this.#logs.check()];
  }

  /** What runs the instances. */
  cluster(): Promise<string> {
    return this.needs.host.cluster();
  }

  /** Who stands by knows nothing of pools. */
  #poolCheck(): Check[] {
    const { manager } = this.#term;
    return manager === undefined ? [] : [manager.check];
  }

  /** Resolves to the port. */
  async #listen(host: string, port: number): Promise<number> {
    const { started, auth, clock, logger } = this.foundation;
    const server = new OpsServer(this.needs.pages);
    const endpoint = new PoolmgrEndpoint({
      verify: (header, request) => auth.verify(header, request),
      header: internalAuthHeader,
      leader: () => (this.#term.manager?.isServing === true ? this.#term.manager : undefined),
      describe: () => this.needs.leadership.describe(),
      clock,
      logger,
    });
    endpoint.attach(server.http);
    started.push("port of the pool manager", () => server.stop());
    // Last of all: until the term has ended it says to routers what there is to say.
    started.push("streams of the pool manager", () => endpoint.stop());
    return server.start(host, port);
  }

  /** Resolves when this process leads for the first time, and its pools are being filled. */
  #compete(): Promise<void> {
    return new Promise((resolve) => this.needs.leadership.start((signal) => this.#lead(signal, resolve)));
  }

  async #lead(signal: AbortSignal, onLeading: () => void): Promise<void> {
    const { logger } = this.foundation;
    const { host, leadership } = this.needs;
    const tenure = host.lead(() => leadership.isHeld);
    const manager = (this.#latest = this.#buildManager(tenure));
    logger.info({}, "this process leads: it manages the pools");
    this.#term.begin(manager);
    let reading: Stoppable | undefined;
    try {
      await Promise.race([manager.start(), aborted(signal)]);
      // Whose the instances are that print is known from here on.
      if (!signal.aborted) reading = tenure.driver.logs((output) => this.#logs.accept(output));
      if (!signal.aborted) onLeading();
      await aborted(signal);
    } finally {
      logger.info({ leadership: leadership.describe() }, "this process leads no more");
      this.#term.end();
      // One that has lost its lease touches nothing: another may lead, or nobody can tell who does.
      await (this.#isStopping ? manager.stop() : manager.abandon());
      await reading?.stop();
      await tenure.stop();
    }
  }

  /** What the router takes, and the way back to it, for what functions publish; the token is renewed by routers. */
  #variablesOf({ id, namespace }: FunctionSpec): Variable[] {
    const bodies = { name: "FERMI_MAX_BODY_MIB", value: String(this.foundation.config.maxBodyMib) };
    const url = this.needs.routerAddress();
    if (url === "") return [bodies];
    return [
      bodies,
      { name: "FERMI_ROUTER_URL", value: url },
      { name: "FERMI_TOKEN", value: this.foundation.functionTokens.issue({ functionId: id, namespace }).token },
    ];
  }

  #buildManager({ driver }: Tenure): PoolManager {
    const { clock, logger, metrics, routing, names, secret } = this.foundation;
    return new PoolManager({
      driver,
      source: {
        load: () => names.load(),
        code: (functionId, version) => routing.code(functionId, version),
        subscribe: (listener) => routing.subscribe(listener),
      },
      metrics,
      clock,
      logger,
      keyOf: instanceKeys(secret),
      reaches,
      platformVariables: (fn) => this.#variablesOf(fn),
      maxInstances: this.needs.host.maxInstances,
      codeCacheBytes,
      onEvent: (instanceId, functionId, version, message) =>
        this.#logs.system(functionId, version, instanceId ?? "none", message),
    });
  }
}
