/**
 * Finds the pool manager that leads, among all those whose addresses one name stands for: a standby refuses, so all are
 * tried at once and the one that accepts is taken.
 */
import { lookup } from "node:dns/promises";
import type { IncomingMessage } from "node:http";
import { isIPv6 } from "node:net";
import { WebSocket } from "ws";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { socketOptions } from "./live-socket.js";

export interface LeaderDialOptions {
  /** Such as http://fermi-poolmgr:31315. */
  readonly url: string;
  /** Headers that prove the request. */
  readonly sign: (request: { readonly method: string; readonly path: string }) => Record<string, string>;
  readonly clock: Clock;
  /** Every address of a host. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

const dialWithinMs = 2_000;
const addressesMax = 32;
const refusalBytesMax = 4_096;

export class LeaderDial {
  constructor(private readonly options: LeaderDialOptions) {}

  /**
   * Resolves with what `adopt` makes of the socket, which it is called with the moment that is open. Rejects within a few
   * seconds where nobody accepts, with what each address said, and at once where the signal aborts.
   */
  async dial<T>(path: string, signal: AbortSignal, adopt: (socket: WebSocket) => T): Promise<T> {
    const { hostname } = new URL(this.options.url);
    const addresses = await this.#resolve(hostname.replace(/^\[|\]$/g, ""));
    if (addresses.length === 0) throw noLeader([`${hostname} has no address`]);
    return new Promise<T>((resolve, reject) => {
      const attempt = new Attempt(addresses.length, signal, (failures) => reject(noLeader(failures)));
      const opened = (socket: WebSocket): void => resolve(adopt(socket));
      for (const address of addresses) attempt.add(address, this.#socket(address, path), opened, this.options.clock);
    });
  }

  #socket(address: string, path: string): WebSocket {
    const url = new URL(path, this.options.url);
    const { host, hostname } = url;
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.hostname = isIPv6(address) ? `[${address}]` : address;
    const headers = { Host: host, ...this.options.sign({ method: "GET", path }) };
    // The certificate, where there is one, is the name's.
    const options = { ...socketOptions, headers, handshakeTimeout: dialWithinMs, servername: hostname };
    return new WebSocket(url, options);
  }

  async #resolve(host: string): Promise<readonly string[]> {
    let timer: { stop(): void } | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = this.options.clock.after(dialWithinMs, () =>
        reject(noLeader([`${host} could not be looked up in time`])),
      );
    });
    try {
      const found = await Promise.race([(this.options.resolve ?? lookupAll)(host), late]);
      return [...new Set(found)].slice(0, addressesMax);
    } catch (cause) {
      throw cause instanceof AppError ? cause : noLeader([`${host} can't be looked up`], cause);
    } finally {
      timer?.stop();
    }
  }
}

/** Several sockets on their way, of which one is taken. */
class Attempt {
  readonly #sockets: WebSocket[] = [];
  readonly #failures: string[] = [];
  #isOver = false;

  constructor(
    private readonly count: number,
    private readonly signal: AbortSignal,
    private readonly onFailed: (failures: readonly string[]) => void,
  ) {
    signal.addEventListener("abort", this.#abort, { once: true });
    if (signal.aborted) this.#abort();
  }

  add(address: string, socket: WebSocket, onOpen: (socket: WebSocket) => void, clock: Clock): void {
    let hasFailed = false;
    const failed = (why: string): void => {
      if (hasFailed) return;
      hasFailed = true;
      socket.terminate();
      this.#failed(`${address}: ${why}`);
    };
    socket.on("error", (error) => failed(error.message));
    socket.on("unexpected-response", (_request, response: IncomingMessage) => {
      void readRefusal(response, clock).then(failed);
    });
    socket.once("open", () => {
      if (this.#isOver) return socket.terminate();
      this.#end();
      for (const other of this.#sockets) if (other !== socket) other.terminate();
      onOpen(socket);
    });
    this.#sockets.push(socket);
    if (this.#isOver) socket.terminate();
  }

  #failed(why: string): void {
    this.#failures.push(why);
    if (this.#failures.length < this.count || this.#isOver) return;
    this.#end();
    this.onFailed(this.#failures);
  }

  readonly #abort = (): void => {
    if (this.#isOver) return;
    this.#end();
    for (const socket of this.#sockets) socket.terminate();
    this.onFailed(["it is needed no more"]);
  };

  #end(): void {
    this.#isOver = true;
    this.signal.removeEventListener("abort", this.#abort);
  }
}

const lookupAll = async (host: string): Promise<string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/** What the other side says, which is JSON as everywhere else; or its status. */
async function readRefusal(response: IncomingMessage, clock: Clock): Promise<string> {
  const timer = clock.after(dialWithinMs, () => response.destroy());
  let text = "";
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      text += chunk.toString("utf8");
      if (text.length > refusalBytesMax) break;
    }
    const { error } = JSON.parse(text) as { error: { message: string } };
    return error.message;
  } catch {
    return `it answered ${response.statusCode ?? "nothing"}`;
  } finally {
    timer.stop();
  }
}

const noLeader = (failures: readonly string[], cause?: unknown): AppError =>
  new AppError("CLUSTER_UNAVAILABLE", `No pool manager that leads was found: ${failures.join("; ")}.`, { cause });
