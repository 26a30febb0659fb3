import { Agent, request } from "node:http";

export interface RuntimeAnswer {
  readonly status: number;
  readonly body: string;
}

const maxAnswerBytes = 1024 * 1024;

/** What the driver says to an instance itself, whatever its contract. */
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

  constructor(readonly port: number) {}

  /** Resolves when the runtime answers; the connection stays open for the specialization. */
  async ping(signal: AbortSignal): Promise<void> {
    const { status } = await this.#call("GET", "/-/healthz", "", signal);
    if (status !== 200) throw new Error(`answered ${status} to GET /-/healthz`);
  }

  specialize(body: string, signal: AbortSignal): Promise<RuntimeAnswer> {
    return this.#call("POST", "/specialize", body, signal);
  }

  close(): void {
    this.#agent.destroy();
  }

  #call(method: string, path: string, body: string, signal: AbortSignal): Promise<RuntimeAnswer> {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const options = { agent: this.#agent, host: "127.0.0.1", port: this.port, method, path, headers, signal };
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
