import { Agent, request, type OutgoingHttpHeaders } from "node:http";
import { AppError } from "../errors/app-error.js";

export interface RuntimeAnswer {
  readonly status: number;
  readonly body: string;
}

/** What a runtime says of itself (environments/CONTRACT.md). */
export type RuntimeState =
  | { readonly state: "generic" }
  | { readonly state: "specialized"; readonly functionId: string; readonly version: number };

interface Content {
  readonly body: string;
  readonly headers: OutgoingHttpHeaders;
}

const nothing: Content = { body: "", headers: {} };
const maxAnswerBytes = 1024 * 1024;

/** What a driver says to an instance itself, whatever its contract. */
export interface RuntimeLink {
  readonly port: number;
  /** Resolves when the instance can be specialized; rejects with why it can't, or with the signal's reason. */
  ping(signal: AbortSignal): Promise<void>;
  /** `body` is a SpecializeRequest; the answer is that of the contract FERMI. */
  specialize(body: string, signal: AbortSignal): Promise<RuntimeAnswer>;
  close(): void;
}

/** To a runtime of the contract FERMI, over one connection that is opened while nobody waits. */
export class RuntimeClient implements RuntimeLink {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(
    readonly host: string,
    readonly port: number,
  ) {}

  /** Resolves when the runtime answers; the connection stays open for the specialization. */
  async ping(signal: AbortSignal): Promise<void> {
    const { status } = await this.#call("GET", "/-/healthz", nothing, signal);
    if (status !== 200) throw new Error(`answered ${status} to GET /-/healthz`);
  }

  /** The connection stays open, as after a ping. Rejects where no runtime answers. */
  async state(signal: AbortSignal): Promise<RuntimeState> {
    const { status, body } = await this.#call("GET", "/-/state", nothing, signal);
    if (status !== 200) throw new Error(`answered ${status} to GET /-/state`);
    return JSON.parse(body) as RuntimeState;
  }

  specialize(body: string, signal: AbortSignal, headers: OutgoingHttpHeaders = {}): Promise<RuntimeAnswer> {
    return this.#call("POST", "/specialize", { body, headers }, signal);
  }

  close(): void {
    this.#agent.destroy();
  }

  #call(method: string, path: string, content: Content, signal: AbortSignal): Promise<RuntimeAnswer> {
    const { body } = content;
    const headers = {
      ...content.headers,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    };
    const options = { agent: this.#agent, host: this.host, port: this.port, method, path, headers, signal };
    return new Promise((resolve, reject) => {
      const call = request(options, (response) => {
        let text = "";
        response.setEncoding("utf8").on("error", reject);
        response.on("data", (chunk: string) => {
          if (text.length < maxAnswerBytes) text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
      });
      call.on("error", reject);
      call.end(body);
    });
  }
}

/** Throws what a specialization's answer means where it is not a success: LOAD_FAILED is the code's fault. */
export function expectLoaded({ status, body }: RuntimeAnswer): void {
  if (status === 200) return;
  const { error = `answered ${status}`, stack } = parseRefusal(body);
  if (status === 422) throw new AppError("LOAD_FAILED", error, { cause: stack });
  throw unusable(error);
}

/** The instance, not the code, is why it can't be specialized. */
export const unusable = (why: string, cause?: unknown): AppError =>
  new AppError("CLUSTER_UNAVAILABLE", `The instance can't be specialized: ${why}.`, { cause, retryAfterSeconds: 1 });

function parseRefusal(body: string): { error?: string; stack?: string } {
  try {
    const { error, stack } = JSON.parse(body) as { error?: unknown; stack?: unknown };
    return { error: String(error), stack: typeof stack === "string" ? stack : "" };
  } catch {
    return {};
  }
}
