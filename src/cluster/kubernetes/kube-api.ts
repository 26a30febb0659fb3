/**
 * The way to a Kubernetes API server, over kept connections and with a bound on every wait.
 *
 * Credentials come from the client library: kubeconfig, a pod's rotating token, login programs. Requests don't, because
 * it makes a connection with a TLS handshake for every call, waits for ever on a server that has stopped answering, and
 * its informer gives up at the first lost connection.
 */
import { KubeConfig, type Cluster } from "@kubernetes/client-node";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import type { Clock } from "../../lib/clock.js";
import { orAbort } from "../../lib/or-abort.js";
import { KubeError, refusalOf } from "./kube-error.js";
import { readKubeconfigs } from "./read-kubeconfigs.js";

export interface KubeRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly body?: unknown;
  /** Of the body; JSON where it is not said. */
  readonly contentType?: "application/merge-patch+json" | "application/apply-patch+yaml";
  /** How long the answer may take: all of it, or the head of one that is streamed. */
  readonly timeoutMs?: number;
  /** A node gives the answer, by way of the API: its silence says nothing of the API itself. */
  readonly isOfNode?: boolean;
  readonly signal?: AbortSignal;
}

/** An answer's body, and when the server says it was made. */
export interface KubeAnswer<T> {
  readonly value: T;
  readonly date: Date | null;
}

export const callTimeoutMs = 5_000;
const maxAnswerBytes = 128 * 1024 * 1024;
const maxRefusalBytes = 64 * 1024;
/** Calls at a time; those beyond wait for a connection, within their time. */
const maxSockets = 32;
const tcpProbeMs = 15_000;
const credentialsMs = 1_000;

export class KubeApi {
  readonly #calls: http.Agent;
  /** Watches and logs hold a connection each, for as long as they last. */
  readonly #streams: http.Agent;
  #failingSinceMs: number | undefined;
  #failure = "";
  #answeredMs = -Infinity;
  #known: { readonly options: https.RequestOptions; readonly atMs: number } | undefined;

  private constructor(
    private readonly config: KubeConfig,
    private readonly cluster: Cluster,
    private readonly clock: Clock,
  ) {
    const { Agent } = this.#isPlain ? http : https;
    this.#calls = new Agent({ keepAlive: true, maxSockets, scheduling: "lifo" });
    this.#streams = new Agent({ keepAlive: false });
  }

  /** With the credentials of kubeconfig files, or those of the pod this runs in. Reaches for nothing yet. */
  static connect({ kubeconfig, clock }: { kubeconfig: readonly string[] | null; clock: Clock }): KubeApi {
    const config = kubeconfig === null ? new KubeConfig() : readKubeconfigs(kubeconfig);
    if (kubeconfig === null) config.loadFromCluster();
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new Error("the kubeconfig has no current context with a cluster");
    return new KubeApi(config, cluster, clock);
  }

  get server(): string {
    return this.cluster.server;
  }

  /** For how long the API has answered nothing that it was asked, and why; undefined while it answers. */
  get outage(): { sinceMs: number; why: string } | undefined {
    const since = this.#failingSinceMs;
    return since === undefined ? undefined : { sinceMs: this.clock.monotonicMs() - since, why: this.#failure };
  }

  async call<T = unknown>(request: KubeRequest): Promise<T> {
    return (await this.ask<T>(request)).value;
  }

  /** Rejects with a KubeError, whatever went wrong; with the signal's reason where that aborted. */
  async ask<T>(request: KubeRequest): Promise<KubeAnswer<T>> {
    const deadline = AbortSignal.timeout(request.timeoutMs ?? callTimeoutMs);
    const askedMs = this.clock.monotonicMs();
    const response = await this.#open(request, deadline, this.#calls);
    try {
      const text = await readAll(response, maxAnswerBytes);
      return { value: JSON.parse(text) as T, date: dateOf(response) };
    } catch (error) {
      request.signal?.throwIfAborted();
      throw this.#unanswered(error, deadline, { ...request, askedMs });
    }
  }

  /** The answer's body as it comes, however long that takes; the signal ends it, and so does destroying it. */
  async stream(request: KubeRequest): Promise<IncomingMessage> {
    const late = new AbortController();
    const timer = this.clock.after(request.timeoutMs ?? callTimeoutMs, () => late.abort());
    try {
      return await this.#open(request, late.signal, this.#streams);
    } finally {
      timer.stop();
    }
  }

  close(): void {
    this.#calls.destroy();
    this.#streams.destroy();
  }

  get #isPlain(): boolean {
    return this.cluster.server.startsWith("http:");
  }

  async #open(request: KubeRequest, deadline: AbortSignal, agent: http.Agent): Promise<IncomingMessage> {
    request.signal?.throwIfAborted();
    const signal = request.signal === undefined ? deadline : AbortSignal.any([request.signal, deadline]);
    const askedMs = this.clock.monotonicMs();
    let response: IncomingMessage;
    try {
      response = await this.#send(request, signal, agent);
    } catch (error) {
      request.signal?.throwIfAborted();
      throw this.#unanswered(error, deadline, { ...request, askedMs });
    }
    this.#failingSinceMs = undefined;
    this.#answeredMs = this.clock.monotonicMs();
    if (response.statusCode !== undefined && response.statusCode < 300) return response;
    throw refusalOf(response.statusCode ?? 0, await readAll(response, maxRefusalBytes).catch(() => ""));
  }

  async #send(request: KubeRequest, signal: AbortSignal, agent: http.Agent): Promise<IncomingMessage> {
    const { agent: proxied, ...options } = await orAbort(this.#credentials(), signal);
    const url = this.#url(request);
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    const headers: http.OutgoingHttpHeaders = {
      ...(options.headers as http.OutgoingHttpHeaders),
      accept: "application/json",
    };
    if (body !== undefined) {
      headers["content-type"] = request.contentType ?? "application/json";
      headers["content-length"] = Buffer.byteLength(body);
    }
    const way = this.cluster.proxyUrl === undefined ? agent : proxied;
    const { request: begin } = this.#isPlain ? http : https;
    const send = (): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        const call = begin(url, { ...options, method: request.method, headers, signal, agent: way }, resolve);
        call.on("socket", (socket) => socket.setKeepAlive(true, tcpProbeMs));
        call.on("error", (error) =>
          reject(call.reusedSocket ? new StaleConnection(error.message, { cause: error }) : error),
        );
        call.end(body);
      });
    return send().catch((error: unknown) => {
      if (!(error instanceof StaleConnection)) throw error;
      // The server may close a kept connection in the moment in which it is used again. What creates may have arrived.
      if (signal.aborted || request.method === "POST") throw error.cause;
      return send();
    });
  }

  /** Headers and TLS options as they are now or were a moment ago: tokens change while this runs, and reading files costs. */
  async #credentials(): Promise<https.RequestOptions> {
    const nowMs = this.clock.monotonicMs();
    if (this.#known !== undefined && nowMs - this.#known.atMs < credentialsMs) return this.#known.options;
    const options: https.RequestOptions = {};
    await this.config.applyToHTTPSOptions(options);
    this.#known = { options, atMs: nowMs };
    return options;
  }

  #url({ path, query = {} }: KubeRequest): URL {
    const url = new URL(this.cluster.server.replace(/\/$/, "") + path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    return url;
  }

  #unanswered(
    error: unknown,
    deadline: AbortSignal,
    { askedMs, isOfNode = false }: { askedMs: number; isOfNode?: boolean },
  ): KubeError {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = deadline.aborted ? "it did not answer in time" : (code ?? message);
    // What it has answered since says more than a call that was lost before.
    if (!isOfNode && askedMs >= this.#answeredMs) {
      this.#failingSinceMs ??= askedMs;
      this.#failure = why;
    }
    return new KubeError(0, "", `the Kubernetes API can't be reached: ${why}`, { cause: error });
  }
}

/** A kept connection turned out to be closed. */
class StaleConnection extends Error {}

function dateOf({ headers }: IncomingMessage): Date | null {
  const ms = Date.parse(headers.date ?? "");
  return Number.isNaN(ms) ? null : new Date(ms);
}

async function readAll(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`an answer of more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
