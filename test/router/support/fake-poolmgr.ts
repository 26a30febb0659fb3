import type {
  GrantedInstance,
  Hello,
  PoolmgrLink,
  PoolmgrStream,
  StreamListener,
  Target,
  ToPoolmgr,
  ToRouter,
} from "../../../src/poolmgr/router-link.js";

export type Demand = Extract<ToPoolmgr, { type: "DEMAND" }>;

/** The pool manager's end of the stream, driven by the test. What routers say is kept in `received`. */
export class FakePoolmgr implements PoolmgrLink {
  readonly received: ToPoolmgr[] = [];
  /** What a new stream begins with. */
  instances: GrantedInstance[] = [];
  /** Called at each DEMAND with somebody waiting. */
  onDemand: (demand: Demand) => void = () => {};
  opened = 0;
  /** What each stream began with. */
  readonly hellos: Hello[] = [];
  /** While true, streams can't be opened. */
  isAway = false;
  #stream: StreamListener | undefined;

  open(stream: StreamListener): PoolmgrStream {
    if (this.isAway) throw new Error("nobody listens");
    this.#stream = stream;
    this.opened++;
    this.hellos.push(stream.hello());
    queueMicrotask(() => {
      if (this.#stream !== stream) return;
      stream.onMessage({ type: "SNAPSHOT", epoch: `epoch-${this.opened}`, instances: [...this.instances] });
    });
    return {
      send: (message) => {
        if (this.#stream !== stream) return;
        this.received.push(message);
        if (message.type === "DEMAND" && message.waiting > 0) this.onDemand(message);
      },
      close: () => {
        if (this.#stream === stream) this.#stream = undefined;
      },
    };
  }

  prepare(instance: GrantedInstance): void {
    this.#stream?.onMessage({ type: "PREPARE", instance });
  }

  grant(instance: GrantedInstance): void {
    this.instances = [...this.instances.filter(({ id }) => id !== instance.id), instance];
    this.#stream?.onMessage({ type: "GRANT", instance });
  }

  withdraw(instanceId: string): void {
    this.#forget(instanceId);
    this.#stream?.onMessage({ type: "WITHDRAW", instanceId });
  }

  gone(instanceId: string, why?: string): void {
    this.#forget(instanceId);
    this.#stream?.onMessage({ type: "GONE", instanceId, ...(why !== undefined && { why }) });
  }

  refuse(target: Target, why: Omit<Extract<ToRouter, { type: "REFUSE" }>, "type" | "target">): void {
    this.#stream?.onMessage({ type: "REFUSE", target, ...why });
  }

  lose(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.onLost();
  }

  of<T extends ToPoolmgr["type"]>(type: T): Extract<ToPoolmgr, { type: T }>[] {
    return this.received.filter((message): message is Extract<ToPoolmgr, { type: T }> => message.type === type);
  }

  #forget(instanceId: string): void {
    this.instances = this.instances.filter(({ id }) => id !== instanceId);
  }
}
