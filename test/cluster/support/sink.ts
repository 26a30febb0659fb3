/** A small HTTP server that keeps what is posted to it. */
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { until } from "./until.js";

export interface Posted {
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  readonly atMs: number;
}

export class Sink {
  readonly posted: Posted[] = [];
  /** What it answers. */
  status = 200;
  /** Answers to these objects wait for it. */
  held: { readonly objects: readonly string[]; readonly until: Promise<void> } | undefined;
  readonly #server = http.createServer((req, res) => void this.#take(req, res));

  static async start(): Promise<Sink> {
    const sink = new Sink();
    sink.#server.listen(0, "127.0.0.1");
    await once(sink.#server, "listening");
    return sink;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** All that was posted, as "ADDED namespace/name", by those whose event says it. */
  get events(): string[] {
    return this.posted.map(({ headers }) => describeEvent(headers));
  }

  /** Resolves with all once there are so many. */
  async of(count: number): Promise<string[]> {
    await until(`${count} events`, () => this.posted.length >= count);
    return this.events;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #take(req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
    const atMs = performance.now();
    const chunks: Buffer[] = [];
    for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
    this.posted.push({ headers: req.headers, body: Buffer.concat(chunks).toString(), atMs });
    if (this.held?.objects.includes(String(req.headers["x-object"]))) await this.held.until;
    res.writeHead(this.status).end();
  }
}

const describeEvent = (headers: http.IncomingHttpHeaders): string =>
  `${String(headers["x-event"])} ${String(headers["x-object"])}`;

/**
 * A function that passes on what it is told; headers of Fermi's travel under another name. It fails as the sink does, and
 * with objects that are labelled `bad`, but for their end.
 */
export const passOn = (url: string): string => `
export default async ({ request }) => {
  const { headers, body } = request;
  const answer = await fetch(${JSON.stringify(url)}, {
    method: "POST",
    headers: {
      "x-event": headers["x-fermi-event"],
      "x-object": headers["x-fermi-object-name"],
      "x-partial": headers["x-fermi-object-partial"] ?? "false",
      "x-told": JSON.stringify(headers),
    },
    body: JSON.stringify(body),
  });
  if (body.metadata.labels?.bad === "yes" && headers["x-fermi-event"] !== "DELETED") throw new Error("can't take it");
  return { status: answer.status, body: "" };
};`;
