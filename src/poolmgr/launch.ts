/** One instance on its way: code, claim, specialization. It runs to its end also when those who asked for it have left. */
import type { ClusterDriver, ClusterInstance, SpecializeRequest } from "../cluster/cluster-driver.js";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import type { FunctionCode, FunctionSpec, Variable } from "../model/function.js";
import type { CodeCache } from "./code-cache.js";
import type { FairClaims } from "./fair-claims.js";

export const claimDeadlineMs = 60_000;
/** Code gets as long to load as a request may take, within these. */
const loadDeadlineMs = { least: 10_000, most: 30_000 };

export type LaunchStage = "CODE" | "CLAIM" | "SPECIALIZE" | "READY";

export interface LaunchPorts {
  readonly driver: Pick<ClusterDriver, "specialize">;
  readonly claims: Pick<FairClaims, "claim">;
  readonly codes: CodeCache;
  readonly clock: Clock;
  /** Undefined where the environment's pool is there, else a promise of it. */
  readonly poolReady: (environmentId: string) => Promise<void> | undefined;
  /** The secret of an instance, which follows from its id. */
  readonly keyOf: (instanceId: string) => string;
  /** What Fermi itself tells a function's code through its environment. */
  readonly platformVariables?: (fn: FunctionSpec) => readonly Variable[];
  /** Called at each stage's begin. */
  readonly onStage: (launch: Launch) => void;
}

type Work<T> = (signal: AbortSignal) => Promise<T>;

const tooLate = (): AppError =>
  new AppError("CLUSTER_UNAVAILABLE", `No instance came up within ${claimDeadlineMs / 1000} s.`);

const stuck = (ms: number): AppError =>
  new AppError("LOAD_FAILED", `The code did not finish loading within ${ms / 1000} s.`);

export class Launch {
  stage: LaunchStage = "CODE";
  /** From the claim on. */
  instance: ClusterInstance | undefined;
  environmentId: string;
  /** Since when it waits for a warm instance. */
  claimingSinceMs = Infinity;
  /** Why the instance vanished meanwhile. */
  lostBecause: string | undefined;
  /** Routers that know of it. */
  readonly preparedFor = new Set<string>();
  readonly #abort = new AbortController();

  constructor(
    readonly spec: FunctionSpec,
    readonly version: number,
    readonly startedMs: number,
  ) {
    this.environmentId = spec.environmentId;
  }

  get slots(): number {
    return this.spec.settings.requestsPerInstance;
  }

  get isCancelled(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Nobody will want it: the function or the version is no more, or its code does not load. */
  cancel(): void {
    this.#abort.abort(new AppError("CLUSTER_UNAVAILABLE", "The instance is not needed any more."));
  }

  /** Reaches the driver before it returns where code and pool are there. Rejects with an AppError; `stage` says where. */
  async run(ports: LaunchPorts): Promise<ClusterInstance> {
    const { driver, claims, codes, poolReady } = ports;
    const code = codes.peek(this.spec.id, this.version) ?? (await this.#fetch(codes));
    this.environmentId = code.version.environmentId;
    this.claimingSinceMs = ports.clock.monotonicMs();
    this.#enter("CLAIM", ports);
    const pool = poolReady(this.environmentId);
    if (pool !== undefined) await pool;
    const claim: Work<ClusterInstance> = (signal) => claims.claim(this.environmentId, this.spec.id, signal);
    const instance = await this.#within(claimDeadlineMs, tooLate, ports.clock, claim);
    this.instance = instance;
    const request = this.#request(code, instance.id, ports);
    const load = (signal: AbortSignal): Promise<void> => driver.specialize(instance, request, signal);
    const loadMs = this.#loadMs;
    const loaded = this.#within(loadMs, () => stuck(loadMs), ports.clock, load);
    // The code is on its way: what is to be done for the instance meanwhile does not delay it.
    this.#enter("SPECIALIZE", ports);
    await loaded;
    this.#enter("READY", ports);
    return instance;
  }

  get #loadMs(): number {
    const { least, most } = loadDeadlineMs;
    return Math.min(most, Math.max(least, this.spec.settings.timeoutSeconds * 1_000));
  }

  #enter(stage: LaunchStage, { onStage }: LaunchPorts): void {
    this.stage = stage;
    onStage(this);
  }

  async #fetch(codes: CodeCache): Promise<FunctionCode> {
    const code = await codes.get(this.spec.id, this.version);
    if (code === undefined) throw new AppError("NOT_FOUND", `The function has no version ${this.version}.`);
    return code;
  }

  async #within<T>(ms: number, late: () => AppError, clock: Clock, work: Work<T>): Promise<T> {
    const deadline = new AbortController();
    const timer = clock.after(ms, () => deadline.abort(late()));
    try {
      return await work(AbortSignal.any([this.#abort.signal, deadline.signal]));
    } catch (error) {
      throw deadline.signal.aborted ? deadline.signal.reason : error;
    } finally {
      timer.stop();
    }
  }

  #request(
    { version, source }: FunctionCode,
    instanceId: string,
    { keyOf, platformVariables }: LaunchPorts,
  ): SpecializeRequest {
    const { id, name, namespace } = this.spec;
    return {
      function: { id, name, namespace },
      version: this.version,
      entrypoint: version.entrypoint,
      variables: version.variables,
      platformVariables: platformVariables?.(this.spec) ?? [],
      requestsPerInstance: this.slots,
      key: keyOf(instanceId),
      code: { source, sha256: version.digest },
    };
  }
}
