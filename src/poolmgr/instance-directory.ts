import type { Clock } from "../lib/clock.js";

/** Whose an instance is, and the key by which its log lines prove themselves. */
export interface InstanceIdentity {
  readonly functionId: string;
  readonly version: number;
  readonly key: string;
}

const rememberedMs = 60_000;
const rememberedMax = 10_000;

/** Tells whose an instance is or was: an instance's last lines arrive after its end, so it is remembered for a minute. */
export class InstanceDirectory {
  readonly #living = new Map<string, InstanceIdentity>();
  /** In the order of their ends. */
  readonly #gone = new Map<string, { readonly identity: InstanceIdentity; readonly forgetAtMs: number }>();

  constructor(private readonly clock: Clock) {}

  add(instanceId: string, identity: InstanceIdentity): void {
    this.#living.set(instanceId, identity);
  }

  remove(instanceId: string): void {
    const identity = this.#living.get(instanceId);
    if (identity === undefined) return;
    this.#living.delete(instanceId);
    this.#gone.set(instanceId, { identity, forgetAtMs: this.clock.monotonicMs() + rememberedMs });
    this.#forget();
  }

  identify(instanceId: string): InstanceIdentity | undefined {
    this.#forget();
    return this.#living.get(instanceId) ?? this.#gone.get(instanceId)?.identity;
  }

  #forget(): void {
    const nowMs = this.clock.monotonicMs();
    for (const [id, { forgetAtMs }] of this.#gone) {
      if (forgetAtMs > nowMs && this.#gone.size <= rememberedMax) return;
      this.#gone.delete(id);
    }
  }
}
