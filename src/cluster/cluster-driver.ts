/**
 * The port between the pool manager and whatever runs instances: Kubernetes pods, local processes, or memory.
 *
 * What every driver guarantees (test/contract/cluster-driver.contract.ts is the whole list):
 * - a pool that was ensured is kept filled with `poolSize` warm, generic instances, however many are claimed or die;
 * - a claimed instance belongs to its claimer for good and is never handed out twice;
 * - `end` is idempotent, and an ended or crashed instance is reported `GONE` exactly once;
 * - nothing here retries a specialization: whether code loads is the caller's affair.
 */
import type { Environment, RuntimeContract } from "../model/environment.js";
import type { Variable } from "../model/function.js";
import type { InstanceState } from "../model/instance-state.js";
import type { Stoppable } from "../lib/stoppable.js";

/** An instance as the driver sees it. `state` is STARTING, WARM, SPECIALIZING (claimed), READY or DRAINING (being ended). */
export interface ClusterInstance {
  readonly id: string;
  readonly environmentId: string;
  /** What it was started from (instance-template.ts), whatever its environment is by now; "" where nobody knows. */
  readonly template: string;
  /** Likewise: how it takes its function in. */
  readonly contract: RuntimeContract;
  readonly state: InstanceState;
  /** host:port on which the runtime listens; null while it starts. */
  readonly address: string | null;
  readonly startedAt: Date;
  /**
   * What a READY instance was specialized with: found again after a restart of the control plane, where instances outlive
   * it. Of one that was found and is SPECIALIZING: what it was claimed for, where that is known.
   */
  readonly specializedFor: SpecializedFor | null;
  /** Why it does not come up, in words, as far as the driver knows; null where nothing is known to be wrong. */
  readonly problem: string | null;
}

export interface SpecializedFor {
  readonly functionId: string;
  readonly version: number;
  /** Requests at a time that its runtime was told to take. */
  readonly requestsPerInstance: number;
}

/** All that an instance is told at specialization (environments/CONTRACT.md). */
export interface SpecializeRequest {
  readonly function: { readonly id: string; readonly name: string; readonly namespace: string };
  readonly version: number;
  readonly entrypoint: string | null;
  readonly variables: readonly Variable[];
  /** Set by Fermi, where the contract has a place for them. */
  readonly platformVariables?: readonly Variable[];
  readonly requestsPerInstance: number;
  /** The secret the router sends with every request to this instance. */
  readonly key: string;
  readonly code: { readonly source: string; readonly sha256: string };
}

export interface InstanceChange {
  readonly instance: ClusterInstance;
  /** GONE: the instance is no more. `reason` says why in words where it was not asked to end, or ended by itself before it could. */
  readonly type: "CHANGED" | "GONE";
  readonly reason?: string;
}

/** One raw line that an instance printed, at most 64 KiB, without its line feed. */
export interface InstanceOutput {
  readonly instanceId: string;
  readonly stream: "STDOUT" | "STDERR";
  readonly text: string;
  readonly at: Date;
}

/** A pool's health as the driver sees it; `problem` is why it can't be filled, in words, or null. */
export interface PoolHealth {
  readonly environmentId: string;
  readonly problem: string | null;
}

/** A watch that is under way. */
export interface Watching extends Stoppable {
  /** Resolves when all that was there when the watch began has been told. Never rejects. */
  readonly listed: Promise<void>;
}

export interface ClusterDriver {
  /** Instances and pools go on without this process, and the next one finds them. Else they end with it. */
  readonly outlivesProcess: boolean;
  /** Keeps `environment.poolSize` warm instances from now on; called again, it adopts the new size, image and resources. */
  ensurePool(environment: Environment): Promise<void>;
  /** Ends the pool's warm and starting instances; claimed ones stay until ended. Idempotent. */
  removePool(environmentId: string): Promise<void>;
  /**
   * Takes a warm instance out of its pool for good; with none warm, waits for the next one to come up, in order.
   * Rejects with CLUSTER_UNAVAILABLE, the pool's problem in its message, when the pool can't be filled, and with the
   * signal's reason when that aborts.
   */
  claim(environmentId: string, signal: AbortSignal): Promise<ClusterInstance>;
  /** Loads code into a claimed instance. Rejects with LOAD_FAILED (the runtime's own message) or CLUSTER_UNAVAILABLE. */
  specialize(instance: ClusterInstance, request: SpecializeRequest, signal: AbortSignal): Promise<void>;
  /** Asks the instance to end, by force after `graceMs`. Resolves when it is gone. Idempotent. */
  end(instanceId: string, graceMs: number): Promise<void>;
  /** Calls `onChange` for every instance there is, then at every change, in order, until stopped. */
  watch(onChange: (change: InstanceChange) => void): Watching;
  /** Calls `onOutput` with what instances print from now on, in order per instance. */
  logs(onOutput: (output: InstanceOutput) => void): Stoppable;
  /** Why pools can't be filled, if so. Refuses nothing; for checks and error messages. */
  health(): readonly PoolHealth[];
}

/** What a driver can tell before an environment is stored. */
export interface ImageCheck {
  /** Undefined where the image can run here, else one sentence that says what would be right. */
  refuseImage(image: string, contract: Environment["contract"]): string | undefined;
}
