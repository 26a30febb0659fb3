import { beforeEach, describe, expect, it } from "@jest/globals";
import type { Socket } from "node:net";
import { nodejs, RuntimeProcess } from "./runtime-process.js";
import { untilTestEnds } from "./until-test-ends.js";

const keep = untilTestEnds();

/** More than the runtime reads ahead, and less than the system takes from a caller at once. */
const large = Buffer.alloc(500_000, "x");

/** One connection, as the router keeps it: requests go one after another. */
class Connection {
  readonly #socket: Socket;
  #text = "";
  #check = (): void => {};

  constructor(private readonly runtime: RuntimeProcess) {
    this.#socket = runtime.connect();
    this.#socket.setEncoding("latin1").on("data", (text: string) => {
      this.#text += text;
      this.#check();
    });
    this.#socket.on("error", () => {}).on("close", () => this.#check());
  }

  send(path: string, body = Buffer.alloc(0), announced = body.length): void {
    const headers = { ...this.runtime.headers("an-id"), host: "x", "content-length": String(announced) };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#socket.write(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
    this.#socket.write(body);
  }

  more(body: Buffer): void {
    this.#socket.write(body);
  }

  /** The status and the body of the next answer, which has a length. */
  answer(): Promise<[number, string]> {
    return new Promise((resolve, reject) => {
      this.#check = () => {
        const [all, status, head, rest] = /^HTTP\/1\.1 (\d+) ([^]*?)\r\n\r\n([^]*)/.exec(this.#text) ?? [];
        const length = Number(/content-length: (\d+)/i.exec(head ?? "")?.[1] ?? 0);
        if (all !== undefined && rest!.length >= length) {
          this.#text = rest!.slice(length);
          resolve([Number(status), rest!.slice(0, length)]);
        } else if (this.#socket.destroyed) reject(new Error(`the connection was closed after ${this.#text}`));
      };
      this.#check();
    });
  }
}

const source = `let go; const gone = new Promise((resolve) => (go = resolve));
const say = (text, status = 200) => new Response(text, { status, headers: { "content-length": String(text.length) } });
const first = async (body) => { const reader = body.getReader(); const { value } = await reader.read(); return [value.length > 0, reader] };
const forms = {
  unread: () => say("no", 401),
  throws: () => { throw new Error("no") },
  part: async ({ body }) => say(String((await first(body))[0])),
  cancel: async ({ body }) => { await body.cancel(); return say("no", 413) },
  loop: async ({ body }) => { for await (const chunk of body) return say(String(chunk.length > 0)) },
  whole: async (request) => say(String((await request.text()).length)),
  late: async ({ body }) => { const [, reader] = await first(body);
    void gone.then(async () => { for (;;) if ((await reader.read()).done) return }).catch((error) => console.log(error.message));
    return say("early") },
  go: () => { go(); return say("gone") },
};
export default { fetch: (request) => forms[new URL(request.url).pathname.slice(1)](request) };`;

describe("Bodies of the fetch form in Node", () => {
  let runtime: RuntimeProcess;
  let connection: Connection;
  beforeEach(async () => {
    runtime = keep(await RuntimeProcess.serving(nodejs, source, { requestsPerInstance: 1 }));
    connection = new Connection(runtime);
  });

  it.each([
    ["unread", 401, "no"],
    ["throws", 500, '{"error":"Error: no"}'],
    ["part", 200, "true"],
    ["cancel", 413, "no"],
    ["loop", 200, "true"],
    ["whole", 200, String(large.length)],
  ])("may be left: the connection goes on after %s", async (form, status, body) => {
    for (let round = 0; round < 2; round += 1) {
      connection.send(`/${form}`, large);
      expect(await connection.answer()).toEqual([status, body]);
    }
    connection.send("/whole");
    expect(await connection.answer()).toEqual([200, "0"]);
  });

  it("are dropped as they come where the answer was first, and who reads on is told so", async () => {
    connection.send("/late", large.subarray(0, 1_000), large.length);
    expect(await connection.answer()).toEqual([200, "early"]);
    connection.more(large.subarray(1_000));
    connection.send("/go");
    expect(await connection.answer()).toEqual([200, "gone"]);
    await runtime.logged("the rest of the request's body was dropped");
  });
});
