import type { TriggerCondition } from "../../model/trigger.js";

export interface Trouble {
  readonly condition: Extract<TriggerCondition, "FAILING" | "INVALID">;
  readonly reason: string;
}

/** How one trigger does, made of how its watch does and of what became of what its function was told. */
export class WatchHealth {
  /** Undefined until the cluster has answered for the first time. */
  #watch: Trouble | "WELL" | undefined;
  /** By object; the one that has failed for longest comes first, so that the reason stays the same. */
  readonly #failing = new Map<string, string>();
  #refused: string | undefined;
  #told: string | undefined;

  constructor(private readonly report: (condition: TriggerCondition, reason: string | null) => void) {}

  watches(): void {
    this.#watch = "WELL";
    this.#tell();
  }

  watchFails(trouble: Trouble): void {
    this.#watch = trouble;
    this.#tell();
  }

  delivered(object: string): void {
    this.#failing.delete(object);
    this.#refused = undefined;
    this.#tell();
  }

  deliveryFails(object: string, reason: string): void {
    this.#failing.set(object, reason);
    this.#tell();
  }

  /** It is not tried again, which is told until the next success. */
  refused(object: string, reason: string): void {
    this.#failing.delete(object);
    this.#refused = reason;
    this.#tell();
  }

  /** The trigger was changed, or switched off and on: what was said of it before counts no more. */
  sayAgain(): void {
    this.#told = undefined;
    this.#tell();
  }

  #tell(): void {
    if (this.#watch === undefined) return;
    const [failing = this.#refused] = this.#failing.values();
    if (this.#watch !== "WELL") this.#say(this.#watch.condition, this.#watch.reason);
    else if (failing !== undefined) this.#say("FAILING", failing);
    else this.#say("READY", null);
  }

  #say(condition: TriggerCondition, reason: string | null): void {
    const told = `${condition} ${reason}`;
    if (told !== this.#told) this.report(condition, reason);
    this.#told = told;
  }
}
