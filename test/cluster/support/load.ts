/**
 * Constant load, in time and not as answers come: warm functions in turn, and every so often one that has gone cold.
 * Every request counts: none is repeated, and what is no 200 of the right function is a failure with its reason.
 */
import http from "node:http";

export interface Call {
  readonly url: string;
  /** The body that a right answer has. */
  readonly expected: string;
}

export interface Answered {
  readonly url: string;
  readonly startedMs: number;
  readonly ms: number;
  /** The invocation's id; null where none was answered. */
  readonly invocationId: string | null;
  /** Undefined where all was right. */
  readonly failure: string | undefined;
}

const requestTimeoutMs = 75_000;

export class Load {
  readonly answers: Answered[] = [];
  /** Idle connections are closed before a router that stops does it: a request on a closed one would be nobody's fault. */
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 64, scheduling: "fifo", timeout: 3_000 });
  readonly #flying = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;
  #startedMs = 0;

  /** Calls `calls` in turn, `perSecond` times a second. */
  constructor(
    private readonly calls: readonly Call[],
    private readonly perSecond: number,
  ) {}

  start(): void {
    this.#startedMs = performance.now();
    const everyMs = 1_000 / this.perSecond;
    const tick = (): void => {
      // What a busy machine made late is made up for, so that the load is what it is said to be.
      while (performance.now() >= this.#startedMs + this.#sent * everyMs) this.#send();
      this.#timer = setTimeout(tick, Math.min(everyMs, 20));
    };
    tick();
  }

  /** Resolves when the last request has its answer, with the failures. */
  async stop(): Promise<Answered[]> {
    clearTimeout(this.#timer);
    await Promise.all(this.#flying);
    this.#agent.destroy();
    return this.failures();
  }

  failures(): Answered[] {
    return this.answers.filter(({ failure }) => failure !== undefined);
  }

  /** Milliseconds by which so many of the answers were there. */
  percentile(share: number, answers: readonly Answered[] = this.answers): number {
    const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  }

  #send(): void {
    const call = this.calls[this.#sent++ % this.calls.length];
    if (call === undefined) return;
    const flight = ask(call, this.#agent).then((answer) => {
      this.answers.push(answer);
      this.#flying.delete(flight);
    });
    this.#flying.add(flight);
  }
}

/** One request; never rejects. */
export function ask({ url, expected }: Call, agent?: http.Agent): Promise<Answered> {
  const startedMs = performance.now();
  return new Promise((resolve) => {
    const done = (failure: string | undefined, invocationId: string | null = null): void =>
      resolve({ url, startedMs, ms: performance.now() - startedMs, invocationId, failure });
    const request = http.get(url, { agent, timeout: requestTimeoutMs }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("error", (error) => done(`the answer broke off: ${error.message}`));
      response.on("end", () => {
        const id = response.headers["x-fermi-invocation-id"];
        const isRight = response.statusCode === 200 && text === expected;
        done(isRight ? undefined : `${response.statusCode ?? "no status"} ${text}`, typeof id === "string" ? id : null);
      });
    });
    request.on("timeout", () => request.destroy(new Error(`no answer in ${requestTimeoutMs} ms`)));
    request.on("error", (error) => done(error.message));
  });
}
