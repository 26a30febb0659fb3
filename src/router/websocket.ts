/**
 * WebSocket upgrades: one lease and one record per connection, from the handshake until either side closes.
 *
 * http-proxy does the upgrade, and this file keeps it from its habits (it is unmaintained): it dials only a socket that
 * is connected already, so that another instance can be tried before anything was sent; it gets headers and path that
 * are fit to be passed on, and writes none that are not; and no error of either socket is left without a listener.
 */
import { Agent, type ClientRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import httpProxy from "http-proxy";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import type { Call } from "./call.js";
import { functionHeaders, functionPath } from "./function-headers.js";
import { listOf } from "./header-lines.js";
import { whyUnreached, type NotRun } from "./acquire.js";
import type { Lease } from "./target-slots.js";
import type { TokenHandout } from "./token-handout.js";
import { writeErrorToSocket } from "./write-error.js";

type EndedStatus = "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "CANCELLED";

/** How a WebSocket, or the attempt at one, ended. */
export type SocketEnding =
  | {
      readonly type: "ENDED";
      readonly status: EndedStatus;
      readonly error: string | null;
    }
  | { readonly type: "NOT_RUN"; readonly because: NotRun }
  | { readonly type: "FAILED"; readonly error: AppError; readonly suspect: "CRASHED" | "TIMED_OUT" };

export interface Upgrade {
  readonly call: Call;
  readonly req: IncomingMessage;
  readonly socket: Socket;
  /** Bytes that the client sent right after its request. */
  readonly head: Buffer;
  /** Ends the watch for a client that leaves before it is answered: the socket's reader notices from then on. */
  readonly stopWatching: () => void;
}

export interface TunnelOptions {
  readonly handshakeTimeoutMs: number;
  /** Without a byte in either direction for this long the WebSocket is closed. */
  readonly idleTimeoutMs: number;
  readonly clock: Clock;
  readonly tokens: TokenHandout;
}

const flushTimeoutMs = 5_000;
/** How long the function may take to close its side when the client's is closed, or is ended with nothing said to it. */
const closeTimeoutMs = 1_000;

/** An agent that knows one connection: the one that was dialled. */
class Dialled extends Agent {
  constructor(private readonly socket: Socket) {
    super({ keepAlive: false });
  }
  override createConnection(): Socket {
    return this.socket;
  }
}

/** Connects to host:port; says why where that can't be done. */
export function dial(address: string, timeoutMs: number): Promise<Socket | NotRun> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(address.slice(colon + 1)), noDelay: true, timeout: timeoutMs });
    const fail = (error?: Error): void => {
      socket.destroy();
      resolve(whyUnreached(error));
    };
    socket.once("error", fail).once("timeout", fail);
    socket.once("connect", () => {
      socket.off("error", fail).off("timeout", fail).setTimeout(0);
      resolve(socket);
    });
  });
}

/** Runs one upgrade through `upstream` until it is over, answering the client in every case but NOT_RUN. Rejects where it can't begin. */
export class Tunnel {
  #proxyReq: ClientRequest | undefined;
  #settle!: (ending: SocketEnding) => void;
  #isSettled = false;
  #isOpen = false;
  /** How it ended for the client; what the function does after that changes nothing about it. */
  #clientEnding: SocketEnding | undefined;

  constructor(
    private readonly upgrade: Upgrade,
    private readonly lease: Lease,
    private readonly upstream: Socket,
    private readonly options: TunnelOptions,
  ) {}

  run(): Promise<SocketEnding> {
    const { req, socket, head, call } = this.upgrade;
    const { instance } = this.lease;
    const token = this.options.tokens.headersFor(call.callee.fn, instance);
    req.headers = toObject(
      listOf([...call.plan.headers, ...functionHeaders(call, instance), ...(token ? [token] : [])]),
    );
    // http-proxy reads it with url.parse, which throws at some; the path that is sent is set in #guard.
    req.url = "/";
    const proxy = httpProxy.createProxyServer({});
    proxy.on("proxyReqWs", (proxyReq) => this.#guard(proxyReq));
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.lease.slots.tunnels.add(this);
      call.onClientGone = () => this.#cut(callerLeft);
      const target = `http://${instance.address}`;
      const agent = new Dialled(this.upstream);
      proxy.ws(req, socket, head, { target, agent, prependPath: false }, (error) => this.#broken(error));
      // http-proxy would pass a refusal on with the framing of the connection it came on, and hang where it breaks off.
      this.#proxyReq?.removeAllListeners("response");
      this.#proxyReq?.once("response", (res: IncomingMessage) => this.#refused(res));
    });
  }

  /** Its instance is gone; where its whole node is, nobody says so on the connection. */
  lose(): void {
    this.#broken();
  }

  /** Called when http-proxy has made its request, before it listens to anything itself. */
  #guard(proxyReq: ClientRequest): void {
    this.#proxyReq = proxyReq;
    // http-proxy folds `//` in paths; the function gets what was sent.
    proxyReq.path = functionPath(this.upgrade.call, this.lease.instance);
    proxyReq.setTimeout(this.options.handshakeTimeoutMs, () => this.#tooSlow());
    proxyReq.once("upgrade", (res: IncomingMessage, upstream: Socket) => this.#opened(res, upstream));
  }

  #opened(res: IncomingMessage, upstream: Socket): void {
    const { call, socket } = this.upgrade;
    this.#isOpen = true;
    call.httpStatus = 101;
    call.onClientGone = () => {};
    this.upgrade.stopWatching();
    cleanHead(res, call, ["connection", "upgrade"]);
    this.#watchClient(upstream);
    let isReset = false;
    upstream.once("error", () => (isReset = true));
    upstream.once("close", () => {
      if (this.#clientEnding !== undefined) return this.#cut(this.#clientEnding);
      if (isReset) return this.#cut(lost);
      this.#end(closed);
      finishWriting(socket);
    });
  }

  #watchClient(upstream: Socket): void {
    const { socket } = this.upgrade;
    const { idleTimeoutMs } = this.options;
    socket.setTimeout(idleTimeoutMs, () => this.#cut(socket.readableEnded ? closed : idle));
    // Ended or gone looks the same until it is written to; so whoever writes nothing to it has little time.
    socket.once("end", () => socket.setTimeout(Math.min(idleTimeoutMs, closeTimeoutMs)));
    socket.once("close", (hadError) => this.#clientClosed(upstream, hadError ? callerLeft : closed));
  }

  /** The function is told by an end, as it may have unread words of the client; then by a cut. */
  #clientClosed(upstream: Socket, ending: SocketEnding): void {
    if (this.#isSettled) return;
    this.#clientEnding = ending;
    const timer = this.options.clock.after(closeTimeoutMs, () => this.#cut(ending));
    upstream.once("close", () => timer.stop());
    upstream.end();
    // Nobody takes what the function still says; unread it would hide that the function closes.
    upstream.unpipe(this.upgrade.socket).resume();
  }

  /** The function said no: that is its answer, and it is passed on whole. */
  #refused(res: IncomingMessage): void {
    const { call, socket } = this.upgrade;
    if (this.lease.instance.contract === "FERMI" && res.statusCode === 503 && "x-fermi-busy" in res.headers) {
      res.resume();
      return this.#end({ type: "NOT_RUN", because: "BUSY" });
    }
    const status = res.statusCode ?? 502;
    call.httpStatus = status;
    this.#isOpen = true;
    cleanHead(res, call, []);
    this.upstream.setTimeout(this.options.handshakeTimeoutMs, () => this.upstream.destroy());
    socket.write(refusalHead(res));
    res.pipe(socket, { end: false });
    res.once("close", () => {
      if (!res.complete) return this.#cut(lost);
      const error = status < 500 ? null : `The function answered ${status}.`;
      this.#end({ type: "ENDED", status: error === null ? "SUCCEEDED" : "FAILED", error });
      finishWriting(socket);
    });
  }

  #tooSlow(): void {
    if (this.#isOpen) return;
    const message = "The function did not answer the upgrade within its time limit.";
    this.#fail(new AppError("FUNCTION_TIMEOUT", message), "TIMED_OUT");
  }

  #broken(cause?: Error): void {
    if (this.#isOpen) return this.#cut(this.#clientEnding ?? lost);
    const message = "The function's instance was lost before it answered.";
    this.#fail(new AppError("FUNCTION_CRASHED", message, { cause }), "CRASHED");
  }

  /** Answered at once: http-proxy ends the client's socket as soon as it has told of an error. */
  #fail(error: AppError, suspect: "CRASHED" | "TIMED_OUT"): void {
    if (this.#isSettled) return;
    const { socket, call } = this.upgrade;
    const bytes = writeErrorToSocket(socket, error, call.invocationId);
    this.#end({ type: "FAILED", error, suspect });
    call.responseBytes = bytes;
    this.#proxyReq?.destroy();
  }

  /** Neither side has anything more to say to the other. */
  #cut(ending: SocketEnding): void {
    if (this.#isSettled) return;
    this.#end(ending);
    this.upgrade.socket.destroy();
    this.#proxyReq?.destroy();
    this.upstream.destroy();
  }

  #end(ending: SocketEnding): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.lease.slots.tunnels.delete(this);
    const { call } = this.upgrade;
    call.onClientGone = () => {};
    call.requestBytes = this.upstream.bytesWritten;
    call.responseBytes = this.upstream.bytesRead;
    this.#settle(ending);
  }
}

/** After the answer's head this says nothing about the instance: its code may have broken the connection off. */
const lost: SocketEnding = { type: "ENDED", status: "FAILED", error: "The function's answer broke off." };
const closed: SocketEnding = { type: "ENDED", status: "SUCCEEDED", error: null };
const idle: SocketEnding = { type: "ENDED", status: "TIMED_OUT", error: "Nothing was said for the idle time limit." };
const callerLeft: SocketEnding = { type: "ENDED", status: "CANCELLED", error: "The caller left." };

/** What was written still reaches a client that reads; one that does not is not waited for. */
function finishWriting(socket: Socket): void {
  socket.end();
  socket.setTimeout(flushTimeoutMs, () => socket.destroy());
}

/** Takes out what is not for the client and puts the invocation's id in. http-proxy writes what is left. */
function cleanHead(res: IncomingMessage, call: Call, kept: readonly string[]): void {
  const hopByHop = ["connection", "upgrade", "keep-alive", "proxy-connection", "transfer-encoding", "trailer"];
  const isForClient = ([name]: [string, unknown]): boolean =>
    (!hopByHop.includes(name) || kept.includes(name)) && !name.startsWith("x-fermi-");
  const headers = Object.fromEntries(Object.entries(res.headers).filter(isForClient));
  res.headers = { ...headers, "x-fermi-invocation-id": call.invocationId };
}

function refusalHead(res: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${res.statusCode ?? 502} ${res.statusMessage ?? ""}`, "connection: close"];
  for (const [name, value] of Object.entries(res.headers)) {
    for (const one of Array.isArray(value) ? value : [value]) lines.push(`${name}: ${one}`);
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function toObject(headers: readonly string[]): Record<string, string> {
  const values = new Map<string, string>();
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    const value = headers[i + 1] as string;
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before}${name === "cookie" ? "; " : ", "}${value}`);
  }
  return { ...Object.fromEntries(values), connection: "Upgrade", upgrade: "websocket" };
}
