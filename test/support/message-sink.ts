/** An HTTP server of the test that functions tell of the messages they get. */
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";

export interface Told {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export class MessageSink {
  readonly told: Told[] = [];
  readonly #server = http.createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      this.told.push(JSON.parse(Buffer.concat(chunks).toString()) as Told);
      res.end();
    });
  });
  url = "";

  static async start(): Promise<MessageSink> {
    const sink = new MessageSink();
    sink.#server.listen(0, "127.0.0.1");
    await once(sink.#server, "listening");
    sink.url = `http://127.0.0.1:${(sink.#server.address() as AddressInfo).port}`;
    return sink;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** Those of one topic. */
  of(topic: string): Told[] {
    return this.told.filter(({ headers }) => headers["x-fermi-topic"] === topic);
  }

  bodies(topic: string): unknown[] {
    return this.of(topic).map(({ body }) => body);
  }
}

/** A function that tells SINK of each message, waits as long as that says, fails as often, and answers with what it got. */
export const tellingSource = `module.exports = async ({ request: { headers, body } }) => {
  await fetch(process.env.SINK, { method: "POST", body: JSON.stringify({ headers, body }) });
  const { waitMs = 0, failures = 0, status = 500 } = Object(body);
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  if (Number(headers["x-fermi-attempt"]) <= failures) return { status, body: "not yet" };
  return { status: 200, body: { got: body, by: headers["x-fermi-trigger"] } };
};
`;
