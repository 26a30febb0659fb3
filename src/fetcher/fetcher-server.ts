/**
 * The fetcher as a server beside an image's container: the pool manager tells it what to load, the kubelet asks it how the
 * image is. Whoever else asks learns nothing and changes nothing.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import type { Stoppable } from "../lib/stoppable.js";
import type { Fetcher, FetcherAnswer } from "./fetcher.js";
import { callImage } from "./image-client.js";
import { signatureHeader, type FetcherVerifier } from "./signature.js";

export interface FetcherServerOptions {
  readonly fetcher: Fetcher;
  readonly verifier: FetcherVerifier;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/** Source of 256 KiB in which JSON writes each byte as six, and what stands around it. */
const maxBodyBytes = 1_600 * 1024;
const maxConnections = 16;
const timeouts = { headersTimeout: 5_000, requestTimeout: 15_000, keepAliveTimeout: 5_000 };

const warmUpRounds = 5;
const warmUpMs = 1_000;

type Handler = (req: IncomingMessage) => FetcherAnswer | Promise<FetcherAnswer>;

export class FetcherServer implements Stoppable {
  readonly #server: Server;
  readonly #routes: Readonly<Record<string, Handler>>;

  constructor(private readonly options: FetcherServerOptions) {
    const { fetcher } = options;
    this.#routes = {
      "GET /-/healthz": () => ok({}),
      "GET /-/readyz": async () => ((await fetcher.isReady()) ? ok({}) : notListening),
      // One that is generic is taken for warm, so it says so only when the image can be told something.
      "GET /-/state": async () =>
        fetcher.state.state !== "generic" || (await fetcher.isReady()) ? ok(fetcher.state) : notListening,
      "POST /specialize": (req) => this.#specialize(req),
      // Fission's image for Node reports here when its first WebSocket opens and its last one closes.
      "GET /wsevent/start": () => ok({}),
      "GET /wsevent/end": () => ok({}),
    };
    this.#server = createServer({ ...timeouts, maxHeaderSize: 8 * 1024 }, (req, res) => void this.#answer(req, res));
    this.#server.maxConnections = maxConnections;
  }

  /** Resolves with the port on which it listens. */
  async start(): Promise<number> {
    const { host, port } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    const { port: listening } = this.#server.address() as AddressInfo;
    await this.#warmUp(listening);
    return listening;
  }

  /** Runs what a specialization will run, so that the one that counts does not wait for its code to be compiled. */
  async #warmUp(port: number): Promise<void> {
    const { verifier, clock } = this.options;
    const call = { path: "/-/warm-up", json: { nothing: "x".repeat(1_000) } };
    for (let round = 0; round < warmUpRounds; round++) {
      verifier.isSigned(Buffer.from(JSON.stringify(call)), "A".repeat(86));
      await callImage({ host: "127.0.0.1", port }, call, { clock, signal: AbortSignal.timeout(warmUpMs) }).catch(
        () => {},
      );
    }
  }

  /** Cuts whatever is under way. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const handler = this.#routes[`${req.method ?? ""} ${req.url ?? ""}`];
    const answer = handler === undefined ? nothingHere : await this.#run(handler, req);
    if (res.destroyed) return;
    // What was not read of a body must not be taken for the next request.
    const connection = req.complete ? {} : { connection: "close" };
    const { status, body } = answer;
    const length = Buffer.byteLength(body);
    res.writeHead(status, { "content-type": "application/json", "content-length": length, ...connection });
    res.end(body);
  }

  async #run(handler: Handler, req: IncomingMessage): Promise<FetcherAnswer> {
    try {
      return await handler(req);
    } catch (error) {
      this.options.logger.error({ err: error }, "a request failed");
      return refusal(500, "The fetcher failed; its log says why.");
    }
  }

  async #specialize(req: IncomingMessage): Promise<FetcherAnswer> {
    const { fetcher, verifier, logger } = this.options;
    const signature = req.headers[signatureHeader];
    // Nobody makes it keep a body who has not at least tried to sign it.
    if (typeof signature !== "string") return refusal(401, `The header ${signatureHeader} is missing.`);
    const body = await readBody(req);
    if (body === "TOO_LARGE") return refusal(413, `The body must be at most ${maxBodyBytes} bytes.`);
    if (body === "CUT") return refusal(400, "The body broke off.");
    if (!verifier.isSigned(body, signature)) {
      logger.warn(
        { from: req.socket.remoteAddress },
        "a request was refused: its signature is not good for this instance",
      );
      return refusal(401, "The signature is not good for this instance and body.");
    }
    const answer = await fetcher.specialize(body.toString("utf8")).catch(brokeOff);
    logger.info({ status: answer.status, state: fetcher.state }, "a function was brought in, or was not");
    return answer;
  }
}

function readBody(req: IncomingMessage): Promise<Buffer | "TOO_LARGE" | "CUT"> {
  if (Number(req.headers["content-length"] ?? 0) > maxBodyBytes) return Promise.resolve("TOO_LARGE");
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve) => {
    req.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBodyBytes) return void chunks.push(chunk);
      req.pause();
      resolve("TOO_LARGE");
    });
    req.once("end", () => resolve(Buffer.concat(chunks)));
    req.once("close", () => resolve("CUT"));
    req.once("error", () => resolve("CUT"));
  });
}

/** The image ended, or broke the connection off, while it loaded the code. */
const brokeOff = (error: Error): FetcherAnswer =>
  refusal(422, `The image's server broke off while it loaded the code: ${error.message}.`);

const ok = (body: object): FetcherAnswer => ({ status: 200, body: JSON.stringify(body) });

const refusal = (status: number, error: string): FetcherAnswer => ({ status, body: JSON.stringify({ error }) });

const notListening = refusal(503, "The image's server does not listen yet.");
const nothingHere = refusal(404, "There is nothing here.");
