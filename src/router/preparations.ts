import type { Clock } from "../lib/clock.js";
import type { GrantedInstance } from "../poolmgr/router-link.js";
import { keyedTarget } from "./callee.js";
import type { Connections } from "./connections.js";

interface Preparation {
  readonly address: string;
  readonly connections: Connections;
  readonly begin: NodeJS.Immediate;
  readonly expiry: { stop(): void };
}

/** Code loads in milliseconds; where it takes longer than this, a dial more does not matter. */
const keptMs = 4_000;

/** Connections to instances that are still being specialized, so that the first request need not wait for its dial. */
export class Preparations {
  /** By target: instances that are being specialized, and since when that is known. */
  readonly #loading = new Map<string, Map<string, number>>();
  readonly #byInstance = new Map<string, Preparation>();

  constructor(
    private readonly clock: Clock,
    private readonly connect: (instance: GrantedInstance) => Connections,
  ) {}

  /** For how long at least an instance of the target has been loading its code; undefined where none does. */
  loadingMs(targetKey: string): number | undefined {
    const since = this.#loading.get(targetKey);
    return since && this.clock.monotonicMs() - Math.min(...since.values());
  }

  /** Dials for `requests` at once, in a moment: a pool manager in this process is just sending the code, which goes first. */
  prepare(instance: GrantedInstance, requests: number): void {
    this.drop(instance.id);
    this.#begin(instance);
    if (requests === 0) return;
    const connections = this.connect(instance);
    const begin = setImmediate(() => connections.dialAhead(requests));
    const expiry = this.clock.after(keptMs, () => this.#forget(instance.id)?.connections.destroy());
    this.#byInstance.set(instance.id, { address: instance.address, connections, begin, expiry });
  }

  /** What was prepared for the instance, or connections that are yet to be dialled. */
  take(instance: GrantedInstance): Connections {
    this.#end(instance.id);
    const prepared = this.#forget(instance.id);
    if (prepared?.address === instance.address) return prepared.connections;
    prepared?.connections.destroy();
    return this.connect(instance);
  }

  drop(instanceId: string): void {
    this.#end(instanceId);
    this.#forget(instanceId)?.connections.destroy();
  }

  clear(): void {
    this.#loading.clear();
    for (const id of [...this.#byInstance.keys()]) this.drop(id);
  }

  #begin({ id, functionId, version }: GrantedInstance): void {
    const { key } = keyedTarget(functionId, version);
    const since = this.#loading.get(key) ?? new Map<string, number>();
    this.#loading.set(key, since.set(id, this.clock.monotonicMs()));
  }

  #end(instanceId: string): void {
    for (const [key, since] of this.#loading) {
      if (since.delete(instanceId) && since.size === 0) this.#loading.delete(key);
    }
  }

  #forget(instanceId: string): Preparation | undefined {
    const preparation = this.#byInstance.get(instanceId);
    if (preparation === undefined) return undefined;
    this.#byInstance.delete(instanceId);
    clearImmediate(preparation.begin);
    preparation.expiry.stop();
    return preparation;
  }
}
