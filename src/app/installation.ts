/** This process as a whole and, where there are others, those of its installation: whether all is well with them. */
import { isAlone } from "../config/contradictions.js";
import { aborted } from "../lib/aborted.js";
import type { Check } from "../model/check.js";
import type { ServerProcess } from "../model/server-process.js";
import { ServerProcessRepository } from "../store/repositories/server-process.repository.js";
import { diskCheck } from "./disk-check.js";
import type { Foundation } from "./foundation.js";
import { planChecks } from "./plan-checks.js";
import { ProcessRegistry, type ProcessLook } from "./process-registry.js";
import type { Role } from "./roles/role.js";

const inForceWithinMs = 500;

export interface InstallationNeeds {
  /** Of this process, in the order of their starts. */
  readonly roles: () => readonly Role[];
  readonly isStopping: () => boolean;
}

export class Installation {
  readonly #registry: ProcessRegistry;

  constructor(
    private readonly foundation: Foundation,
    private readonly needs: InstallationNeeds,
  ) {
    const { config, store, clock, logger } = foundation;
    this.#registry = new ProcessRegistry({
      repository: new ServerProcessRepository(store.dataSource),
      wakeups: store.wakeups,
      roles: config.roles,
      clock,
      logger,
      look: () => this.#look(),
    });
  }

  /** Tells the others of this process from now on, where there may be others. */
  start(): void {
    const { config, store, started } = this.foundation;
    if (isAlone(config)) return;
    started.push("report to the others", () => this.#registry.stop());
    void store.opened.then(() => this.#registry.start());
  }

  /** Router or pool manager of this process have taken up all changes up to this one. */
  seen(change: string): void {
    if (!isAlone(this.foundation.config)) this.#registry.seen(change);
  }

  /**
   * Whoever has the answer to a change may call the function next, so routers and pool manager look before it is given.
   * In vain for at most a moment: they look by themselves too. Never rejects.
   */
  async inForce(): Promise<void> {
    const { clock, config } = this.foundation;
    const late = new AbortController();
    const timer = clock.after(inForceWithinMs, () => late.abort());
    const looked = isAlone(config)
      ? Promise.all(this.needs.roles().map(async (role) => role.refresh?.()))
      : this.#registry.inForce(late.signal).catch(() => undefined);
    await Promise.race([looked, aborted(late.signal)]);
    timer.stop();
  }

  /** Why this process should get no traffic, in words. */
  async unready(): Promise<string | undefined> {
    if (this.needs.isStopping()) return "This process is stopping.";
    for (const role of this.needs.roles()) {
      const why = await role.unready();
      if (why !== undefined) return why;
    }
    return undefined;
  }

  /** Rejects where the store is away. */
  async processes(): Promise<ServerProcess[]> {
    return isAlone(this.foundation.config) ? [await this.#registry.describe()] : this.#registry.all();
  }

  async cluster(): Promise<string> {
    const known = await this.processes().catch(() => []);
    return known.flatMap(({ cluster }) => cluster ?? [])[0] ?? this.foundation.config.cluster;
  }

  /** Never rejects. */
  async checks(): Promise<Check[]> {
    const { config, health, store } = this.foundation;
    const stored = await health.checks();
    if (config.databaseUrl === null) stored.push(await diskCheck(store.dataDir));
    if (isAlone(config)) return [...stored, ...(await this.#look()).checks];
    const processes = await this.processes().catch(() => undefined);
    // With the store away nobody is heard of: what this process finds is all there is to tell.
    return [...stored, ...(processes === undefined ? (await this.#look()).checks : planChecks(processes))];
  }

  async #look(): Promise<ProcessLook> {
    const roles = [...this.needs.roles()].reverse();
    return {
      unready: (await this.unready()) ?? null,
      leads: roles.filter(({ leads }) => leads === true).map(({ name }) => name),
      cluster: (await roles.find((role) => role.cluster !== undefined)?.cluster?.()) ?? null,
      checks: [
        ...(await Promise.all(roles.map(async (role) => role.checks()))).flat(),
        this.foundation.openFiles.check(),
      ],
    };
  }
}
