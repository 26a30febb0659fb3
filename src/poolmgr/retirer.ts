/**
 * The way out of an instance: no new request, those in flight end, then it is ended. Nobody is cut off before the
 * function's time limit, as it was when the request came, and the environment's grace period have passed, one after the
 * other.
 */
import type { ClusterDriver } from "../cluster/cluster-driver.js";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import type { SerialQueue } from "../lib/serial-queue.js";
import type { Fleet } from "./fleet.js";
import type { Member } from "./member.js";
import type { RouterRegistry } from "./router-registry.js";

export interface RetirerPorts {
  readonly driver: Pick<ClusterDriver, "end">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly queue: SerialQueue;
  readonly fleet: Fleet;
  readonly routers: RouterRegistry;
  /** The driver has ended it; called also where it reports nothing of its own. */
  readonly onEnded: (instanceId: string) => void;
  readonly onChange: (environmentId: string) => void;
}

/** A process that has died is reported by the driver within this time, with the reason; one that lives is ended then. */
export const suspectLingerMs = 250;
/** Code that ran into its time limit may be stuck, and what can't be reached has no use for time: both get this. */
const stuckGraceMs = 1_000;
/** Somebody waits for the place of an evicted instance. */
const evictedGraceMs = 1_000;
const unreachableDeadlineMs = 5_000;
const defaultGraceSeconds = 30;

export class Retirer {
  #isStopped = false;

  constructor(private readonly ports: RetirerPorts) {}

  /** Ends nothing any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** After its requests. */
  retire(member: Member): void {
    const graceMs = this.#graceMs(member);
    this.#drain(member, { deadlineMs: this.#nowMs + graceMs + timeoutMs(member), graceMs });
  }

  /** After its requests, to make room for who waits: once they are done there is nothing to take long for. */
  evict(member: Member): void {
    const graceMs = this.#graceMs(member);
    const deadlineMs = this.#nowMs + graceMs + timeoutMs(member);
    this.#drain(member, { deadlineMs, graceMs: Math.min(graceMs, evictedGraceMs) });
  }

  /** Its code has got stuck: one of its requests ran into the time limit, or its slots do not come free. */
  retireStuck(member: Member): void {
    const deadlineMs = this.#nowMs + this.#graceMs(member) + timeoutMs(member);
    this.#drain(member, { deadlineMs, graceMs: stuckGraceMs });
  }

  /** No connection could be made, or one broke. Where the process lives its other requests still may end. */
  retireSuspect(member: Member, isReachable: boolean): void {
    if (!member.isSuspect) {
      member.isSuspect = true;
      this.ports.clock.after(suspectLingerMs, () => this.ports.queue.post(() => this.endIfDrained(member)));
    }
    const limitMs = isReachable ? this.#graceMs(member) + timeoutMs(member) : unreachableDeadlineMs;
    const notBeforeMs = this.#nowMs + suspectLingerMs;
    this.#drain(member, { deadlineMs: this.#nowMs + limitMs, notBeforeMs, graceMs: stuckGraceMs });
  }

  /** Ends a draining instance that nobody uses any more, or that has had all its time. */
  endIfDrained(member: Member): void {
    const { drain, state, ledger } = member;
    if (state !== "DRAINING" || drain.isAsked || this.ports.fleet.member(member.id) !== member) return;
    const isDrained = ledger.holders.length === 0 && this.#nowMs >= drain.notBeforeMs;
    if (!isDrained && this.#nowMs < drain.deadlineMs) return;
    drain.isAsked = true;
    this.#end(member.id, drain.graceMs, () => (drain.isAsked = false));
  }

  /** Ends an instance that is nobody's, at once. */
  discard(instanceId: string): void {
    const { discarded } = this.ports.fleet;
    if (discarded.get(instanceId) === true) return;
    discarded.set(instanceId, true);
    this.#end(instanceId, 0, () => discarded.set(instanceId, false));
  }

  #drain(member: Member, drain: { deadlineMs: number; notBeforeMs?: number; graceMs: number }): void {
    if (member.state === "DRAINING") return;
    member.state = "DRAINING";
    member.drain = { beganMs: this.#nowMs, notBeforeMs: -Infinity, ...drain, isAsked: false };
    this.ports.routers.withdraw(member);
    this.ports.onChange(member.facts.environmentId);
    this.endIfDrained(member);
  }

  #end(instanceId: string, graceMs: number, onFailed: () => void): void {
    if (this.#isStopped) return;
    const { driver, queue, logger, onEnded } = this.ports;
    driver.end(instanceId, graceMs).then(
      () => queue.post(() => onEnded(instanceId)),
      (error: unknown) => {
        logger.warn({ instanceId, err: error }, "an instance could not be ended; it is tried again");
        onFailed();
      },
    );
  }

  get #nowMs(): number {
    return this.ports.clock.monotonicMs();
  }

  #graceMs({ facts }: Member): number {
    return 1_000 * (this.ports.fleet.environments.get(facts.environmentId)?.gracePeriodSeconds ?? defaultGraceSeconds);
  }
}

const timeoutMs = ({ timeoutSeconds }: Member): number => 1_000 * timeoutSeconds;
