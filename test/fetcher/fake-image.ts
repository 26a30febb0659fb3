/** A server as an image of Fission's contracts has one, and the folder that it shares with the fetcher. */
import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { hash } from "node:crypto";
import { newId } from "../../src/lib/new-id.js";

export interface ImageRequest {
  readonly method: string;
  readonly url: string;
  readonly contentType: string | undefined;
  readonly body: string;
}

export class FakeImage {
  readonly folder = mkdtempSync(path.join(tmpdir(), "fermi-fetcher-"));
  readonly requests: ImageRequest[] = [];
  answer: (res: http.ServerResponse) => void = (res) => void res.writeHead(202).end();
  readonly #server = http.createServer((req, res) => void this.#take(req, res));
  port = 0;

  /** Resolves when it listens; on the port that it had before, if any. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.port, "127.0.0.1", resolve));
    this.port = (this.#server.address() as AddressInfo).port;
  }

  /** Its port refuses connections from now on. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  async stop(): Promise<void> {
    await this.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get address() {
    return { host: "127.0.0.1", port: this.port };
  }

  async #take(req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of req) body += String(chunk);
    const { method = "", url = "", headers } = req;
    this.requests.push({ method, url, contentType: headers["content-type"], body });
    this.answer(res);
  }
}

/** A specialize request's JSON, as the pool manager sends it. */
export function anOrder(source: string, change: object = {}): string {
  return JSON.stringify({
    function: { id: newId(), name: "hello", namespace: "default" },
    version: 3,
    entrypoint: null,
    variables: [],
    requestsPerInstance: 1,
    key: "unused",
    code: { source, sha256: hash("sha256", source) },
    ...change,
  });
}

export const idOf = (order: string): string => (JSON.parse(order) as { function: { id: string } }).function.id;
