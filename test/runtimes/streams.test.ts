import { beforeEach, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { newId } from "../../src/lib/new-id.js";
import {
  describePython,
  nodejs,
  python,
  RuntimeProcess,
  type Answer,
  type Command,
  type LogLine,
} from "./runtime-process.js";
import { untilTestEnds } from "./until-test-ends.js";

const keep = untilTestEnds();

/** One slot, so that a stream which does not give its slot back is noticed. */
async function serve(command: Command, source: string): Promise<RuntimeProcess> {
  return keep(await RuntimeProcess.serving(command, source, { requestsPerInstance: 1 }));
}

/** Both answer with the stream that `pieces` names in the query. */
const nodeSource = `const kinds = {
    async *raises() { throw new TypeError("at first"); }, async *number() { try { yield 5 } finally { console.log("closed") } },
    async *late() { yield "a"; throw new TypeError("in the middle"); }, async *"late-number"() { yield "a"; yield 5; },
    async *empty() {}, async *fine() { yield ""; yield "a"; yield Buffer.from("b"); } };
  module.exports = async ({ request }) => ({ status: 201, headers: { "x-own": "1" }, body: kinds[request.query.pieces]() });`;

const pythonSource = `def raises():
  raise TypeError("at first")
  yield
def number():
  try:
    yield 5
  finally:
    print("closed")
def late():
  yield "a"
  raise TypeError("in the middle")
def late_number():
  yield "a"
  yield 5
def fine():
  yield ""
  yield "a"
  yield bytearray(b"b")
KINDS = {"raises": raises, "number": number, "late": late, "late-number": late_number, "empty": lambda: iter(()), "fine": fine}
def main(context):
  return KINDS[context.request.query["pieces"]](), 201, {"x-own": "1"}`;

/** The invocation's line on stderr with that text. */
const stderrOf = (runtime: RuntimeProcess, id: string, text: string): LogLine | undefined =>
  runtime.logs.find(({ i, s, m }) => i === id && s === "stderr" && m.includes(text));

function describeStreams(name: string, command: Command, source: string): void {
  describe(`Streams of user code: ${name}`, () => {
    let runtime: RuntimeProcess;
    const get = (pieces: string, method = "GET"): Promise<Answer> =>
      runtime.call({ path: `/?pieces=${pieces}`, method });
    beforeEach(async () => {
      runtime = await serve(command, source);
    });

    it.each([
      ["raises", "TypeError: at first"],
      ["number", "a stream must give str"],
    ])("are answered 500 with the reason where the first chunk is wrong: %s", async (pieces, reason) => {
      for (const method of ["GET", "HEAD"]) {
        const { status, headers, invocationId } = await get(pieces, method);
        expect({ status, own: headers["x-own"] }).toEqual({ status: 500, own: undefined });
        expect(decodeURIComponent(String(headers["x-fermi-function-error"]))).toContain(reason);
        await runtime.until("the error's line", () => stderrOf(runtime, invocationId, reason));
      }
      expect(await get("fine")).toMatchObject({ status: 201, body: "ab" });
    });

    it("are closed where their first chunk is refused", async () => {
      await get("number");
      await runtime.logged("closed");
    });

    it.each([
      ["late", "in the middle"],
      ["late-number", "a stream must give str"],
    ])("break off and log the invocation's error where a later chunk is wrong: %s", async (pieces, reason) => {
      await expect(get(pieces)).rejects.toThrow();
      const { i } = await runtime.logged(reason);
      expect(stderrOf(runtime, String(i), reason)).toBeDefined();
      expect(runtime.messagesOf(String(i)).join("\n")).toContain(pieces === "late" ? "function." : "TypeError");
      expect(await get("fine")).toMatchObject({ status: 201, body: "ab" });
      expect(runtime.process.exitCode).toBeNull();
    });

    it("may be empty, and have no body in the answer to HEAD", async () => {
      expect(await get("empty")).toMatchObject({ status: 201, body: "", headers: { "x-own": "1" } });
      expect(await get("fine", "HEAD")).toMatchObject({ status: 201, body: "", headers: { "x-own": "1" } });
    });
  });
}

describeStreams("nodejs", nodejs, nodeSource);
describePython("in Python", () => describeStreams("python", python, pythonSource));

const reasonOf = ({ status, body }: Answer): string => {
  expect(status).toBe(500);
  return (JSON.parse(body) as { error: string }).error;
};

describe("Streams of Node", () => {
  it("are answered 500 where the first chunk of any kind of stream is wrong, or can't be had", async () => {
    const runtime = await serve(
      nodejs,
      `
      const { Readable } = require("node:stream"); const fs = require("node:fs");
      const web = (start) => new ReadableStream({ start });
      const kinds = {
        file: () => fs.createReadStream("/there/is/none"), objects: () => Readable.from([{ a: 1 }]), list: async function* () { yield [] },
        web: () => web((c) => c.error(new Error("web failed"))), number: () => web((c) => c.enqueue(5)),
        response: () => new Response(web((c) => c.error(new Error("response failed")))),
      };
      module.exports = async ({ request: { query } }) => kinds[query.a]()`,
    );
    const reason = async (a: string): Promise<string> => reasonOf(await runtime.call({ path: `/?a=${a}` }));
    expect(await reason("file")).toContain("ENOENT");
    expect(await reason("objects")).toContain("strings or bytes; this one gave one of type object");
    expect(await reason("list")).toContain("gave one an array");
    expect(await reason("web")).toBe("Error: web failed");
    expect(await reason("number")).toContain("of type number");
    expect(await reason("response")).toBe("Error: response failed");
    expect(runtime.process.exitCode).toBeNull();
  });

  it("are answered 500 where the handler is a generator itself and gives a number", async () => {
    expect(reasonOf(await (await serve(nodejs, "module.exports = async function* () { yield 5 }")).call())).toContain(
      "strings or bytes",
    );
  });

  it("let a callback that is called again while the first chunk is awaited be logged", async () => {
    const runtime = await serve(
      nodejs,
      `module.exports = (context, callback) => callback(200, (async function* () { await new Promise((resolve) => setTimeout(resolve, 5)); callback(200, "again"); yield "first" })())`,
    );
    expect((await runtime.call()).body).toBe("first");
    await runtime.logged("called twice");
  });

  it("are destroyed when their reader goes, which is no error", async () => {
    const runtime = await serve(
      nodejs,
      `const { Readable } = require("node:stream");
       module.exports = async ({ request }) => request.path === "/" ? new Readable({ read() { if (!this.begun) this.push("tick"); this.begun = true },
         destroy(error, done) { console.log("destroyed"); done(error) } }) : "after"`,
    );
    const headers = runtime.headers(newId());
    const call = request({ port: runtime.port, host: "127.0.0.1", headers, agent: false }).end();
    const [response] = (await once(call, "response")) as [IncomingMessage];
    response.on("error", () => {});
    call.destroy();
    await runtime.logged("destroyed");
    expect((await runtime.call({ path: "/after" })).body).toBe("after");
    expect(runtime.logs.map(({ m }) => m)).toEqual(["destroyed"]);
  });
});
