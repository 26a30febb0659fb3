/** The way of a WebSocket: match, acquire, dial, tunnel, release, record; the same steps as a request's. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { InvocationRecorder } from "../invocations/record-invocation.js";
import type { Clock } from "../lib/clock.js";
import { lingerUnread } from "../lib/linger.js";
import type { Logger } from "../lib/logger.js";
import { acquireNow, mayTryAnother, noInstanceTookIt, settleLease, waitForSlot } from "./acquire.js";
import { Call, type CallPlan } from "./call.js";
import { InFlight } from "./in-flight.js";
import type { Lease } from "./target-slots.js";
import { logFailure } from "./log-failure.js";
import type { SlotTable } from "./slot-table.js";
import type { TokenHandout } from "./token-handout.js";
import { watchForEnd } from "./watch-for-end.js";
import { dial, Tunnel, type SocketEnding, type Upgrade } from "./websocket.js";
import { toAppError, writeErrorToSocket } from "./write-error.js";

export interface UpgradeOptions {
  readonly slots: SlotTable;
  readonly recorder: InvocationRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly connectTimeoutMs: number;
  readonly webSocketIdleMs: number;
  readonly tokens: TokenHandout;
}

export interface PlannedUpgrade {
  readonly req: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
  readonly plan: CallPlan;
  readonly invocationId: string;
}

export class UpgradeHandler {
  readonly #sockets = new Set<Socket>();
  readonly #inFlight = new InFlight();

  constructor(private readonly options: UpgradeOptions) {}

  /** Resolves when no WebSocket is open or being opened. */
  idle(): Promise<void> {
    return this.#inFlight.idle();
  }

  /** Cuts all of them. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Runs the WebSocket to its end. Never rejects. */
  async serve({ req, socket, head, plan, invocationId }: PlannedUpgrade): Promise<void> {
    const { clock, recorder, logger } = this.options;
    const call = new Call(plan, invocationId, clock.now(), clock.monotonicMs());
    const functionId = plan.callee.fn.id;
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      call.leave();
    });
    this.#inFlight.begin();
    recorder.inFlight(functionId, 1);
    const stopWatching = watchForEnd(socket, () => call.leave());
    const ending = await this.#run({ call, req, socket, head, stopWatching });
    recorder.inFlight(functionId, -1);
    if (call.clientGone) socket.destroy();
    if (ending.type === "FAILED") {
      logFailure(logger, ending.error, call);
      call.httpStatus = ending.error.httpStatus;
      stopWatching();
      lingerUnread(socket, clock);
    }
    const { status, error } = verdict(ending);
    recorder.record(call.toInvocation(status, error, clock.monotonicMs()), plan.callee.of);
    this.#inFlight.end();
  }

  async #run(upgrade: Upgrade): Promise<Recorded> {
    try {
      return await this.#attempt(upgrade);
    } catch (cause) {
      const error = toAppError(cause);
      upgrade.call.responseBytes = writeErrorToSocket(upgrade.socket, error, upgrade.call.invocationId);
      return { type: "FAILED", error };
    }
  }

  async #attempt(upgrade: Upgrade): Promise<Recorded> {
    const { call } = upgrade;
    for (let head = upgrade.head; ;) {
      const lease = acquireNow(call, this.options.slots) ?? (await waitForSlot(call, this.options));
      if (lease === undefined) return { type: "ENDED", status: "CANCELLED", error: "The caller left." };
      call.attempt(lease);
      const ending = await this.#settled({ ...upgrade, head }, lease);
      if (ending.type !== "NOT_RUN") return ending;
      if (!mayTryAnother(call, ending.because)) throw noInstanceTookIt(ending.because);
      // What the client had sent already was put back into its socket by the first attempt that got that far.
      if (ending.because === "BUSY") head = Buffer.alloc(0);
    }
  }

  /** Whatever becomes of it, the slot is given back. */
  async #settled(upgrade: Upgrade, lease: Lease): Promise<SocketEnding> {
    try {
      const ending = await this.#tunnel(upgrade, lease);
      settleLease(lease, ending, this.options);
      return ending;
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  async #tunnel(upgrade: Upgrade, lease: Lease): Promise<SocketEnding> {
    const { connectTimeoutMs, webSocketIdleMs, clock, tokens } = this.options;
    const upstream = await dial(lease.instance.address, connectTimeoutMs);
    if (typeof upstream === "string") return { type: "NOT_RUN", because: upstream };
    if (upgrade.call.clientGone) {
      upstream.destroy();
      return { type: "ENDED", status: "CANCELLED", error: "The caller left." };
    }
    const { timeoutMs: handshakeTimeoutMs } = upgrade.call.callee;
    const options = { handshakeTimeoutMs, idleTimeoutMs: webSocketIdleMs, clock, tokens };
    try {
      return await new Tunnel(upgrade, lease, upstream, options).run();
    } catch (error) {
      upstream.destroy();
      throw error;
    }
  }
}

type Recorded =
  | Exclude<SocketEnding, { type: "NOT_RUN" }>
  | { readonly type: "FAILED"; readonly error: ReturnType<typeof toAppError> };

function verdict(ending: Recorded): {
  status: "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "CANCELLED";
  error: string | null;
} {
  if (ending.type === "ENDED") return ending;
  const { code, message } = ending.error;
  return { status: code === "FUNCTION_TIMEOUT" ? "TIMED_OUT" : "FAILED", error: message };
}
