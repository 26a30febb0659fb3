import type { InstanceIdentity } from "./parse-line.js";

const maxRemembered = 4_096;

/**
 * Remembers what instances were specialized for, so that the last words of one that has just gone still find their function.
 * An instance belongs to one function for good, so what was true once stays true.
 */
export class KnownInstances {
  readonly #identityById = new Map<string, InstanceIdentity>();

  constructor(private readonly ask: (instanceId: string) => InstanceIdentity | undefined) {}

  identify(instanceId: string): InstanceIdentity | undefined {
    const known = this.#identityById.get(instanceId);
    if (known !== undefined) return known;
    const identity = this.ask(instanceId);
    if (identity !== undefined) this.#remember(instanceId, identity);
    return identity;
  }

  /** The one remembered longest makes room; if it still prints, it is asked for again. */
  #remember(instanceId: string, identity: InstanceIdentity): void {
    this.#identityById.set(instanceId, identity);
    if (this.#identityById.size <= maxRemembered) return;
    const [oldest] = this.#identityById.keys();
    if (oldest !== undefined) this.#identityById.delete(oldest);
  }
}
