/** Callers with a connection each, who call again as soon as they have their answer. */
import { Agent, request } from "node:http";

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export class Callers {
  readonly answers: Answer[] = [];
  /** What became of requests that got no answer. */
  readonly failures: string[] = [];
  readonly #running: Promise<void>[];
  #isStopping = false;

  /** Each stops by itself when an answer was the last of its connection, with `untilClosed`. */
  constructor(
    private readonly url: string,
    count: number,
    private readonly untilClosed = false,
  ) {
    this.#running = Array.from({ length: count }, () => this.#call());
  }

  /** Resolves when every request has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.ended();
  }

  /** Resolves when all have stopped by themselves. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #call(): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!this.#isStopping) {
      try {
        const { answer, isLast } = await this.#once(agent);
        this.answers.push(answer);
        if (this.untilClosed && isLast) break;
      } catch (error) {
        this.failures.push((error as NodeJS.ErrnoException).code ?? String(error));
      }
    }
    agent.destroy();
  }

  #once(agent: Agent): Promise<{ answer: Answer; isLast: boolean }> {
    return new Promise((resolve, reject) => {
      const req = request(this.url, { agent }, (res) => {
        let body = "";
        res.on("data", (chunk: Buffer) => (body += chunk.toString()));
        res.on("error", reject);
        res.on("end", () =>
          resolve({ answer: { status: res.statusCode ?? 0, body }, isLast: res.headers.connection === "close" }),
        );
      });
      req.on("error", reject);
      req.end();
    });
  }
}

/** How many answers there were of each status. */
export function statuses(answers: readonly Answer[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
