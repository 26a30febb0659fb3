/**
 * Finds the pool manager that leads, among all whose addresses are known or a name stands for: a standby refuses, so all are
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
  readonly urls: readonly string[];
  /** Headers that prove the request. */
  readonly sign: (request: { readonly method: string; readonly path: string }) => Record<string, string>;
  readonly clock: Clock;
  /** Every address of a host. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

interface Target {
  /** As it was configured. */
  readonly base: string;
  readonly address: string;
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
    const found = await Promise.all(this.options.urls.map((url) => this.#resolve(url)));
    const targets = found.flatMap((result) => result.targets).slice(0, addressesMax);
    const unknown = found.flatMap(({ failure }) => failure ?? []);
    if (targets.length === 0) throw noLeader(unknown);
    return new Promise<T>((resolve, reject) => {
      const failed = (failures: readonly string[]): void => reject(noLeader([...unknown, ...failures]));
      const attempt = new Attempt(targets.length, signal, failed);
      const opened = (socket: WebSocket): void => resolve(adopt(socket));
      for (const target of targets) attempt.add(target, this.#socket(target, path), opened, this.options.clock);
    });
  }

  #socket({ base, address }: Target, path: string): WebSocket {
    const url = new URL(path, base);
    const { host, hostname } = url;
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.hostname = isIPv6(address) ? `[${address}]` : address;
    const headers = { Host: host, ...this.options.sign({ method: "GET", path }) };
    // The certificate, where there is one, is the name's.
    const options = { ...socketOptions, headers, handshakeTimeout: dialWithinMs, servername: hostname };
    return new WebSocket(url, options);
  }

  async #resolve(base: string): Promise<{ readonly targets: readonly Target[]; readonly failure?: string }> {
    const host = new URL(base).hostname.replace(/^\[|\]$/g, "");
    let timer: { stop(): void } | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = this.options.clock.after(dialWithinMs, () => resolve(undefined));
    });
    try {
      const found = await Promise.race([(this.options.resolve ?? lookupAll)(host), late]);
      if (found === undefined) return { targets: [], failure: `${host} could not be looked up in time` };
      if (found.length === 0) return { targets: [], failure: `${host} has no address` };
      return { targets: [...new Set(found)].map((address) => ({ base, address })) };
    } catch {
      return { targets: [], failure: `${host} can't be looked up` };
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

  add({ base, address }: Target, socket: WebSocket, onOpen: (socket: WebSocket) => void, clock: Clock): void {
    let hasFailed = false;
    const failed = (why: string): void => {
      if (hasFailed) return;
      hasFailed = true;
      socket.terminate();
      this.#failed(`${address}${portOf(base)}: ${why}`);
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

const portOf = (base: string): string => {
  const { port } = new URL(base);
  return port === "" ? "" : `:${port}`;
};

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

const noLeader = (failures: readonly string[]): AppError =>
  new AppError(
    "CLUSTER_UNAVAILABLE",
    `No pool manager that leads was found: ${failures.map((failure) => failure.replace(/\.$/, "")).join("; ")}.`,
  );
