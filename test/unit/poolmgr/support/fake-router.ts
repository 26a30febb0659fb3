import { newId } from "../../../../src/lib/new-id.js";
import type { Clock } from "../../../../src/lib/clock.js";
import type {
  GrantedInstance,
  Hello,
  PoolmgrLink,
  PoolmgrStream,
  ToPoolmgr,
  ToRouter,
} from "../../../../src/poolmgr/router-link.js";

interface Held {
  granted: GrantedInstance;
  inFlight: number;
  isWithdrawn: boolean;
  lastUsedMs: number;
}

const keyOf = (functionId: string, version: number): string => `${functionId}@${version}`;

/**
 * A router as router-link.ts describes one: it admits requests only against its grants, queues the others, and reports.
 * Requests end when the test says so.
 */
export class FakeRouter {
  readonly id = newId();
  readonly got: ToRouter[] = [];
  readonly instances = new Map<string, Held>();
  readonly waiting = new Map<string, number>();
  readonly refused: Extract<ToRouter, { type: "REFUSE" }>[] = [];
  /** Requests that were in an instance when it was gone. */
  failed = 0;
  served = 0;
  isLost = false;
  onLost: () => void = () => {};
  #stream: PoolmgrStream | undefined;

  constructor(
    private readonly link: PoolmgrLink,
    private readonly clock: Clock,
  ) {}

  open(): void {
    this.isLost = false;
    this.#stream = this.link.open({
      hello: () => this.#hello(),
      onMessage: (message) => this.#receive(message),
      onLost: () => {
        this.isLost = true;
        this.onLost();
      },
    });
  }

  close(): void {
    this.#stream?.close();
    this.instances.clear();
  }

  #hello(): Hello {
    const holdings = [...this.instances.values()].map(({ granted, inFlight, isWithdrawn }) => ({
      instanceId: granted.id,
      slots: isWithdrawn ? 0 : granted.slots,
      inFlight,
    }));
    return { type: "HELLO", routerId: this.id, holdings };
  }

  send(message: ToPoolmgr): void {
    this.#stream?.send(message);
  }

  /** New requests: each takes a free slot or waits. */
  request(functionId: string, version: number, count = 1): void {
    const key = keyOf(functionId, version);
    this.waiting.set(key, (this.waiting.get(key) ?? 0) + count);
    this.#admit(functionId, version);
    this.demand(functionId, version);
  }

  /** Ends requests of an instance. */
  finish(instanceId: string, count = 1): void {
    const held = this.instances.get(instanceId);
    if (held === undefined || held.inFlight === 0) return;
    const ended = Math.min(count, held.inFlight);
    held.inFlight -= ended;
    held.lastUsedMs = this.clock.monotonicMs();
    this.served += ended;
    this.#release(held);
    const { functionId, version } = held.granted;
    if (this.#admit(functionId, version)) this.demand(functionId, version);
  }

  finishAll(): void {
    for (const [id, { inFlight }] of [...this.instances]) this.finish(id, inFlight);
  }

  /** The callers have left. */
  giveUp(functionId: string, version: number): void {
    this.waiting.set(keyOf(functionId, version), 0);
    this.demand(functionId, version);
  }

  demand(functionId: string, version: number): void {
    const waiting = this.waiting.get(keyOf(functionId, version)) ?? 0;
    this.send({ type: "DEMAND", target: { functionId, version }, inFlight: this.inFlight(functionId), waiting });
  }

  report(): void {
    const nowMs = this.clock.monotonicMs();
    const instances = [...this.instances.values()].map(({ granted, inFlight, lastUsedMs }) => ({
      instanceId: granted.id,
      inFlight,
      idleMs: nowMs - lastUsedMs,
    }));
    this.send({ type: "USAGE", instances });
  }

  inFlight(functionId: string): number {
    return [...this.instances.values()]
      .filter(({ granted }) => granted.functionId === functionId)
      .reduce((sum, held) => sum + held.inFlight, 0);
  }

  /** Of a function, or of one instance. */
  slots(of?: string): number {
    return [...this.instances.values()]
      .filter(
        ({ granted, isWithdrawn }) =>
          !isWithdrawn && (of === undefined || [granted.id, granted.functionId].includes(of)),
      )
      .reduce((sum, { granted }) => sum + granted.slots, 0);
  }

  usable(functionId: string): string[] {
    return [...this.instances.values()]
      .filter(({ granted, isWithdrawn }) => granted.functionId === functionId && !isWithdrawn)
      .map(({ granted }) => granted.id);
  }

  #receive(message: ToRouter): void {
    this.got.push(message);
    switch (message.type) {
      case "SNAPSHOT":
        this.#snapshot(message.instances);
        return;
      case "PREPARE":
        return;
      case "GRANT":
        return this.#grant(message.instance);
      case "WITHDRAW":
        return this.#withdraw(message.instanceId);
      case "GONE":
        this.failed += this.instances.get(message.instanceId)?.inFlight ?? 0;
        this.instances.delete(message.instanceId);
        return;
      case "REFUSE": {
        const { functionId, version } = message.target;
        this.refused.push(message);
        this.giveUp(functionId, version);
        return;
      }
      default:
        return message satisfies never;
    }
  }

  #snapshot(granted: readonly GrantedInstance[]): void {
    const ids = new Set(granted.map(({ id }) => id));
    for (const id of [...this.instances.keys()]) if (!ids.has(id)) this.#withdraw(id);
    for (const instance of granted) this.#grant(instance);
    for (const target of this.waiting.keys()) {
      const [functionId = "", version] = target.split("@");
      this.demand(functionId, Number(version));
    }
  }

  #grant(granted: GrantedInstance): void {
    const held = this.instances.get(granted.id);
    const nowMs = this.clock.monotonicMs();
    if (held === undefined) {
      this.instances.set(granted.id, { granted, inFlight: 0, isWithdrawn: false, lastUsedMs: nowMs });
    } else {
      held.granted = granted;
      held.isWithdrawn = false;
    }
    if (this.#admit(granted.functionId, granted.version)) this.demand(granted.functionId, granted.version);
    if (held !== undefined) this.report();
  }

  #withdraw(instanceId: string): void {
    const held = this.instances.get(instanceId);
    if (held === undefined) return this.send({ type: "RELEASED", instanceId });
    held.isWithdrawn = true;
    this.#release(held);
  }

  #release(held: Held): void {
    if (!held.isWithdrawn || held.inFlight > 0) return;
    this.instances.delete(held.granted.id);
    this.send({ type: "RELEASED", instanceId: held.granted.id });
  }

  #admit(functionId: string, version: number): boolean {
    const key = keyOf(functionId, version);
    const before = this.waiting.get(key) ?? 0;
    let waiting = before;
    for (const held of this.instances.values()) {
      const { granted, isWithdrawn } = held;
      if (granted.functionId !== functionId || granted.version !== version || isWithdrawn) continue;
      const admitted = Math.min(waiting, Math.max(0, granted.slots - held.inFlight));
      if (admitted === 0) continue;
      held.inFlight += admitted;
      held.lastUsedMs = this.clock.monotonicMs();
      waiting -= admitted;
    }
    this.waiting.set(key, waiting);
    return waiting !== before;
  }
}
