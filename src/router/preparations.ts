import type { Clock } from "../lib/clock.js";
import type { GrantedInstance } from "../poolmgr/router-link.js";
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
  readonly #byInstance = new Map<string, Preparation>();

  constructor(
    private readonly clock: Clock,
    private readonly connect: (instance: GrantedInstance) => Connections,
  ) {}

  /** Dials for `requests` at once, in a moment: a pool manager in this process is just sending the code, which goes first. */
  prepare(instance: GrantedInstance, requests: number): void {
    this.drop(instance.id);
    const connections = this.connect(instance);
    const begin = setImmediate(() => connections.dialAhead(requests));
    const expiry = this.clock.after(keptMs, () => this.drop(instance.id));
    this.#byInstance.set(instance.id, { address: instance.address, connections, begin, expiry });
  }

  /** What was prepared for the instance, or connections that are yet to be dialled. */
  take(instance: GrantedInstance): Connections {
    const prepared = this.#forget(instance.id);
    if (prepared?.address === instance.address) return prepared.connections;
    prepared?.connections.destroy();
    return this.connect(instance);
  }

  drop(instanceId: string): void {
    this.#forget(instanceId)?.connections.destroy();
  }

  clear(): void {
    for (const id of [...this.#byInstance.keys()]) this.drop(id);
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
