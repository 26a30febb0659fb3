/** This process as a whole and, where there are others, those of its installation: whether all is well with them. */
import { isAlone } from "../config/contradictions.js";
import type { Check } from "../model/check.js";
import type { ServerProcess } from "../model/server-process.js";
import { ServerProcessRepository } from "../store/repositories/server-process.repository.js";
import type { Foundation } from "./foundation.js";
import { planChecks } from "./plan-checks.js";
import { ProcessRegistry, type ProcessLook } from "./process-registry.js";
import type { Role } from "./roles/role.js";

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
    const { config, health } = this.foundation;
    const stored = await health.checks();
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
      checks: (await Promise.all(roles.map(async (role) => role.checks()))).flat(),
    };
  }
}
