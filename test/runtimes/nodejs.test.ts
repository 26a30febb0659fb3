import { describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import type { SpecializeRequest } from "../../src/cluster/cluster-driver.js";
import { newId } from "../../src/lib/new-id.js";
import { nodejs, RuntimeProcess, type Answer, type CallOptions } from "./runtime-process.js";
import { untilTestEnds } from "./until-test-ends.js";

const keep = untilTestEnds();

async function serve(source: string, change: Partial<SpecializeRequest> = {}): Promise<RuntimeProcess> {
  return keep(await RuntimeProcess.serving(nodejs, source, change));
}

async function answerOf(source: string, options: CallOptions = {}): Promise<Answer> {
  return (await serve(source)).call(options);
}

const reasonOf = ({ status, body }: Answer): string => {
  expect(status).toBe(500);
  return (JSON.parse(body) as { error: string }).error;
};

describe("Handler forms of Node", () => {
  it("takes Fission's callback form", async () => {
    const answer = await answerOf(
      `module.exports = function (context, callback) { callback(201, "Hello, world!\\n", { "x-a": "b" }) }`,
    );
    expect(answer).toMatchObject({ status: 201, body: "Hello, world!\n" });
    expect(answer.headers).toMatchObject({
      "x-a": "b",
      "content-type": "text/plain; charset=utf-8",
      "content-length": "14",
    });
  });

  it("takes a callback that is called later", async () => {
    expect(
      (await answerOf("module.exports = (context, callback) => { setTimeout(callback, 5, 200, 'later') }")).body,
    ).toBe("later");
    const isAsync =
      "module.exports = async (context, callback) => { await 0; setTimeout(() => callback(200, 'async'), 5) }";
    expect((await answerOf(isAsync)).body).toBe("async");
  });

  it("takes the answer of a promise that a callback function returns before it calls back", async () => {
    expect(
      (await answerOf("module.exports = async (context, callback) => ({ status: 202, body: 'promised' })")).status,
    ).toBe(202);
    expect(
      reasonOf(await answerOf("module.exports = async (context, callback) => { throw new Error('rejected') }")),
    ).toBe("Error: rejected");
  });

  it("takes JSON of such a promise too, and nothing that is left over where the callback comes later", async () => {
    const runtime = await serve(`const kinds = {
      json: () => ({ hello: 1 }), list: () => [1], read: async () => { const r = new Response("a"); await r.text(); return r },
      timer: (callback) => setTimeout(callback, 5, 200, "later"), length: (callback) => [].push(setTimeout(callback, 5, 200, "later")) };
      module.exports = async ({ request }, callback) => kinds[request.query.kind](callback)`);
    const get = (kind: string): Promise<Answer> => runtime.call({ path: `/?kind=${kind}` });
    expect((await get("json")).body).toBe('{"hello":1}');
    expect((await get("list")).body).toBe("[1]");
    expect(reasonOf(await get("read"))).toContain("read already");
    expect((await get("timer")).body).toBe("later");
    expect((await get("length")).body).toBe("later");
  });

  it("answers 500 to a callback that is called twice", async () => {
    const answer = await answerOf(
      "module.exports = (context, callback) => { callback(400, 'no'); callback(200, 'yes') }",
    );
    expect(reasonOf(answer)).toContain("called twice");
  });

  it("logs a second call of the callback that comes after the answer", async () => {
    const runtime = await serve(
      "module.exports = (context, callback) => { callback(200, 'yes'); setTimeout(callback, 20, 200) }",
    );
    const { body, invocationId } = await runtime.call();
    expect(body).toBe("yes");
    expect((await runtime.logged("called twice")).i).toBe(invocationId);
  });

  it("takes Fission's promise form, with every kind of body", async () => {
    const runtime = await serve(`
      const { Readable } = require("node:stream");
      const answers = {
        triple: { status: 203, body: "text", headers: { "X-A": ["1", "2"], "set-cookie": ["a=1", "b=2"] } },
        string: "plain", buffer: Buffer.from([104, 105]), bytes: new Uint8Array([104, 105]).buffer,
        list: [1, 2], json: { ok: true, status2: 1 }, object: { body: { a: 1 } }, nothing: undefined, none: { status: 200 },
        typed: { body: { a: 1 }, headers: { "content-type": "application/vnd.a+json" } },
        response: new Response("web", { status: 418 }), empty: { status: 304 },
      };
      module.exports = async ({ request: { query: { a } } }) => a === "stream" ? Readable.from(["st", "ream"])
        : a === "generator" ? { body: (async function* () { yield "gen"; yield new Uint8Array([33]) })() } : answers[a];`);
    const get = (a: string): Promise<Answer> => runtime.call({ path: `/?a=${a}` });
    const triple = await get("triple");
    expect(triple).toMatchObject({ status: 203, body: "text" });
    expect(triple.headers).toMatchObject({ "x-a": "1, 2", "set-cookie": ["a=1", "b=2"] });
    expect(await get("string")).toMatchObject({ status: 200, body: "plain" });
    expect(await get("buffer")).toMatchObject({ body: "hi", headers: { "content-type": "application/octet-stream" } });
    expect((await get("bytes")).body).toBe("hi");
    expect((await get("list")).body).toBe("[1,2]");
    expect(await get("json")).toMatchObject({
      body: '{"ok":true,"status2":1}',
      headers: { "content-type": "application/json; charset=utf-8" },
    });
    expect((await get("object")).body).toBe('{"a":1}');
    expect(await get("nothing")).toMatchObject({ status: 204, body: "" });
    expect(await get("none")).toMatchObject({ status: 200, body: "" });
    expect((await get("typed")).headers["content-type"]).toBe("application/vnd.a+json");
    expect(await get("response")).toMatchObject({ status: 418, body: "web" });
    expect((await get("empty")).status).toBe(304);
    expect((await get("stream")).body).toBe("stream");
    expect((await get("generator")).body).toBe("gen!");
  });

  it("takes ES modules with a default export, a named one, or only one", async () => {
    expect((await answerOf("import path from 'node:path'; export default async () => path.join('a', 'b')")).body).toBe(
      "a/b",
    );
    const named = await serve("export const other = async () => 'other'; export default async () => 'default'", {
      entrypoint: "other",
    });
    expect((await named.call()).body).toBe("other");
    expect(
      (await answerOf("const a = await 'awaited';\nexport const handler = (context, callback) => callback(200, a)"))
        .body,
    ).toBe("awaited");
    expect((await answerOf("export default async () => import.meta.url.slice(0, 5)")).body).toBe("file:");
  });

  it("takes ES modules that declare names of CommonJS before anything else tells what they are", async () => {
    expect((await answerOf("const __dirname = import.meta.dirname;\nexport default () => typeof __dirname")).body).toBe(
      "string",
    );
    const source = `const require = (await import("node:module")).createRequire(import.meta.url);
      const { exports, module } = { exports: 1, module: 2 };
      export default () => [typeof require("node:fs").open, exports, module].join()`;
    expect((await answerOf(source)).body).toBe("function,1,2");
  });

  it("takes CommonJS with require, import() and the names of its scope", async () => {
    const source = `#!/usr/bin/env node
      const { createHash } = require("crypto"); const path = require("node:path");
      exports.default = async () => { const os = await import("node:os");
        return [typeof os.cpus, path.basename(__filename), __dirname === path.dirname(__filename), require.main === module, typeof createHash].join() }`;
    expect((await answerOf(source)).body).toBe("function,function.cjs,true,false,function");
  });

  it("takes the web's fetch form, on an object or a class's instance", async () => {
    const source = `class App { greeting = "Hello";
      async fetch(request, context) { const url = new URL(request.url);
        return Response.json({ greeting: this.greeting, method: request.method, url: request.url, search: url.searchParams.get("a"),
          header: request.headers.get("x-in"), secret: request.headers.has("x-fermi-key"), function: context.function.name,
          text: await request.text() }, { status: 201, headers: { "x-out": "b" } }) } }
      export default new App();`;
    const headers = { "x-in": "a", host: "example.com", "x-forwarded-proto": "https" };
    const answer = await answerOf(source, { method: "POST", path: "//p%20q?a=1", headers, body: "text" });
    expect(answer).toMatchObject({ status: 201, headers: { "x-out": "b", "content-type": "application/json" } });
    expect(JSON.parse(answer.body)).toEqual({
      greeting: "Hello",
      method: "POST",
      url: "https://example.com//p%20q?a=1",
      search: "1",
      header: "a",
      secret: false,
      function: "hello",
      text: "text",
    });
  });

  it("answers 500 where fetch gives no Response, or one that was read", async () => {
    expect(reasonOf(await answerOf("export default { fetch() { return { status: 200 } } }"))).toContain(
      "must return a Response",
    );
    expect(
      reasonOf(
        await answerOf("export default { async fetch() { const r = new Response('a'); await r.text(); return r } }"),
      ),
    ).toContain("read already");
    expect(reasonOf(await answerOf("export default { fetch: () => Response.error() }"))).toContain("status");
  });

  it("hands on what fetch gives, unpacked as it is", async () => {
    const packed = `const { createServer } = require("node:http"); const { gzipSync } = require("node:zlib");
      createServer((req, res) => { const body = req.url === "/zstd" ? Buffer.from("as it is") : gzipSync("unpacked".repeat(100));
        res.writeHead(200, { "content-encoding": req.url.slice(1), "content-length": body.length, "x-own": "kept" }).end(body)
      }).listen(0, function () { exports.port = this.address().port });
      exports.default = ({ request }) => fetch("http://127.0.0.1:" + exports.port + request.path);`;
    const runtime = await serve(packed);
    const answer = await runtime.call({ path: "/gzip" });
    expect(answer).toMatchObject({ status: 200, body: "unpacked".repeat(100), headers: { "x-own": "kept" } });
    expect(answer.headers).not.toHaveProperty("content-encoding");
    const unknown = await runtime.call({ path: "/zstd" });
    expect(unknown).toMatchObject({ body: "as it is", headers: { "content-encoding": "zstd", "content-length": "8" } });
  });

  it("streams both ways in the fetch form", async () => {
    const runtime = await serve("export default { fetch: (request) => new Response(request.body) }");
    const headers = runtime.headers(newId(), { headers: { "transfer-encoding": "chunked" } });
    const call = request({ port: runtime.port, host: "127.0.0.1", method: "POST", headers, agent: false });
    call.write("first");
    const [response] = (await once(call, "response")) as [IncomingMessage];
    expect(String(((await once(response, "data")) as [Buffer])[0])).toBe("first");
    call.write("second");
    expect(String(((await once(response, "data")) as [Buffer])[0])).toBe("second");
    call.end();
    response.resume();
    await once(response, "end");
  });

  it("keeps cookies apart in a web response", async () => {
    const source = `export default { fetch() { const headers = new Headers(); headers.append("set-cookie", "a=1"); headers.append("set-cookie", "b=2"); return new Response(null, { headers }) } }`;
    expect((await answerOf(source)).headers["set-cookie"]).toEqual(["a=1", "b=2"]);
  });

  it("answers HEAD without a body", async () => {
    const runtime = await serve(
      "module.exports = async ({ request }) => request.query.s ? { body: (async function* () { yield 'x' })() } : 'four'",
    );
    expect(await runtime.call({ method: "HEAD" })).toMatchObject({
      status: 200,
      body: "",
      headers: { "content-length": "4" },
    });
    expect(await runtime.call({ method: "HEAD", path: "/?s=1" })).toMatchObject({ status: 200, body: "" });
  });
});

describe("The life of a Node instance", () => {
  it("keeps to the heap that it is given, in threads that user code starts too", async () => {
    const small = { ...nodejs, args: ["--max-old-space-size=64", ...nodejs.args] };
    const source = `const limit = "require('node:v8').getHeapStatistics().heap_size_limit";
      module.exports = async () => { const { Worker } = require("node:worker_threads");
        const worker = new Worker("require('node:worker_threads').parentPort.postMessage(" + limit + ")", { eval: true });
        return [eval(limit), await new Promise((resolve) => worker.once("message", resolve))] }`;
    const runtime = keep(await RuntimeProcess.serving(small, source));
    for (const bytes of JSON.parse((await runtime.call()).body) as number[]) expect(bytes).toBeLessThan(256 * 2 ** 20);
  });

  it("ends after an error that nobody catches, with 500 for who caused it", async () => {
    const runtime = await serve(
      "module.exports = (context, callback) => { setTimeout(() => { throw new Error('from a timer') }, 5) }",
    );
    expect(reasonOf(await runtime.call())).toBe("Error: from a timer");
    expect(await runtime.exited).toBe(1);
    expect(runtime.logs.find(({ m }) => m.includes("from a timer"))!.i).toEqual(expect.any(String));
  });

  it("ends after a rejection that nobody handles, and lets other requests finish", async () => {
    const runtime =
      await serve(`module.exports = async ({ request }) => { if (request.path === "/bad") { Promise.reject(new Error("unhandled")); await new Promise(() => {}) }
      console.log("begun"); await new Promise((resolve) => setTimeout(resolve, 200)); return "finished" }`);
    const other = runtime.call();
    await runtime.logged("begun");
    expect(reasonOf(await runtime.call({ path: "/bad" }))).toBe("Error: unhandled");
    expect((await other).body).toBe("finished");
    expect(await runtime.exited).toBe(1);
  });

  it("ends after an error of a timer that belongs to no invocation", async () => {
    const runtime = await serve(
      "module.exports = async () => 'x'; setTimeout(() => { throw new Error('on its own') }, 50)",
    );
    expect(await runtime.exited).toBe(1);
    expect(runtime.logs.find(({ m }) => m.includes("on its own"))).not.toHaveProperty("i");
  });

  it("goes on where user code listens for such errors itself", async () => {
    const runtime = await serve(`process.on("uncaughtException", () => console.log("handled"));
      module.exports = async () => { setTimeout(() => { throw new Error("x") }); return "fine" }`);
    await runtime.call();
    await runtime.logged("handled");
    expect((await runtime.call()).body).toBe("fine");
  });

  it("aborts the invocation's signal when the caller goes, and holds the slot until user code is done", async () => {
    const runtime = await serve(
      `let finish; module.exports = async (context) => { if (context.request.path === "/finish") return finish() ?? "ok";
       context.signal.addEventListener("abort", () => console.log("aborted")); console.log("begun");
       await new Promise((resolve) => (finish = resolve)); console.log("done") }`,
      { requestsPerInstance: 1 },
    );
    const call = request({ port: runtime.port, host: "127.0.0.1", headers: runtime.headers(newId()), agent: false });
    call.on("error", () => {}).end();
    await runtime.logged("begun");
    call.destroy();
    await runtime.logged("aborted");
    expect((await runtime.call()).status).toBe(503);
  });

  it("stops a stream whose reader has gone, and frees its slot", async () => {
    const runtime = await serve(
      `module.exports = async () => ({ body: new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("tick")) }, cancel() { console.log("cancelled") } }) })`,
      { requestsPerInstance: 1 },
    );
    const call = request({
      port: runtime.port,
      host: "127.0.0.1",
      headers: runtime.headers(newId()),
      agent: false,
    }).end();
    const [response] = (await once(call, "response")) as [IncomingMessage];
    await once(response, "data");
    response.on("error", () => {});
    call.destroy();
    await runtime.logged("cancelled");
    const next = request({
      port: runtime.port,
      host: "127.0.0.1",
      headers: runtime.headers(newId()),
      agent: false,
    }).end();
    const [answer] = (await once(next, "response")) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
    next.destroy();
  });

  it("hands upgrades to the export of that name, each in a slot", async () => {
    const runtime = await serve(
      `module.exports = async () => "no upgrade"; module.exports.upgrade = (request, socket, head) => {
        if (request.url === "/throws") throw new Error("no way"); console.log("up", request.headers["x-fermi-key"] ?? "no key", request.rawHeaders.includes("x-fermi-key"));
        socket.write("HTTP/1.1 101 Switching Protocols\\r\\nconnection: upgrade\\r\\nupgrade: echo\\r\\n\\r\\n"); socket.pipe(socket) }`,
      { requestsPerInstance: 1 },
    );
    const upgrade = (path: string, key: string): ReturnType<RuntimeProcess["connect"]> => {
      const socket = runtime.connect();
      socket.write(
        `GET ${path} HTTP/1.1\r\nhost: x\r\nx-fermi-key: ${key}\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n`,
      );
      return socket;
    };
    const said = async (socket: ReturnType<RuntimeProcess["connect"]>): Promise<string> =>
      String(((await once(socket, "data")) as [Buffer])[0]);
    expect(await said(upgrade("/", "wrong"))).toMatch(/^HTTP\/1\.1 401 /);
    expect(await said(upgrade("/throws", runtime.key))).toMatch(/^HTTP\/1\.1 500 /);
    const socket = upgrade("/", runtime.key);
    expect(await said(socket)).toMatch(/^HTTP\/1\.1 101 /);
    expect((await runtime.logged("up no")).m).toBe("up no key false");
    socket.write("echo");
    expect(await said(socket)).toBe("echo");
    expect((await runtime.call()).status).toBe(503);
    expect(await said(upgrade("/", runtime.key))).toMatch(/^HTTP\/1\.1 503 /);
    socket.destroy();
  });

  it("calls the export of that name for no plain request", async () => {
    const upgrade = "export function upgrade() {}";
    expect((await answerOf(`export const handler = () => "plain"; ${upgrade}`)).body).toBe("plain");
    for (const source of [upgrade, "exports.upgrade = () => {}", "export default { upgrade() {} }"])
      expect(await answerOf(source)).toMatchObject({ status: 426, body: expect.stringContaining("upgraded") });
  });

  it("answers an upgrade as a plain request where user code takes none", async () => {
    const answer = await answerOf("module.exports = async () => 'plain'", {
      headers: { connection: "upgrade", upgrade: "websocket" },
    });
    expect(answer.body).toBe("plain");
  });

  it("ties what timers print to the invocation that set them, and splits what is too long", async () => {
    const runtime = await serve(
      `module.exports = async () => { setTimeout(() => console.log("late"), 20); console.log("x".repeat(40_000)); console.log("\\u0001".repeat(20_000)); return "" }`,
    );
    const { invocationId } = await runtime.call();
    expect((await runtime.logged("late")).i).toBe(invocationId);
    expect(Math.max(...runtime.lines.map((line) => Buffer.byteLength(line)))).toBeLessThan(64 * 1024);
    expect(runtime.messagesOf(invocationId).join("")).toHaveLength(60_000 + "late".length);
  });

  it("prints what comes after the answer at once, also without a line feed", async () => {
    const runtime = await serve(
      `module.exports = async () => { process.stdout.write("early"); setTimeout(() => process.stdout.write("late"), 20); return "" }`,
    );
    const { invocationId } = await runtime.call();
    await runtime.logged("late");
    expect(runtime.messagesOf(invocationId)).toEqual(["early", "late"]);
  });

  it.each([
    ["a stream", "Readable.from(['piped'])", "piped"],
    ["an iterable", "(async function* () { yield 'piped' })()", "piped"],
    [
      "what fails",
      "Readable.from((async function* () { yield 'piped'; throw new Error('no more') })())",
      "piped, no more",
    ],
  ])("prints on after %s was piped to stdout to its end", async (_what, piped, printed) => {
    const runtime =
      await serve(`const { Readable } = require("node:stream"); const { pipeline } = require("node:stream/promises");
      module.exports = async () => { await pipeline(${piped}, process.stdout).catch((error) => console.log(", " + error.message));
        await new Promise((resolve) => process.stdout.end("last", resolve)); console.log("on"); process.stdout.destroy(); console.log("and on") }`);
    for (let call = 0; call < 2; call += 1) {
      const { invocationId } = await runtime.call();
      expect(runtime.messagesOf(invocationId).join("")).toBe(`${printed}lastonand on`);
    }
  });

  it("prints bytes as text, also where a character comes in two writes", async () => {
    const runtime = await serve(
      `module.exports = async () => { const b = Buffer.from("ü\\n"); process.stdout.write(b.subarray(0, 1)); process.stdout.write(b.subarray(1)); process.stdout.write("eA==", "base64"); return "" }`,
    );
    const { invocationId } = await runtime.call();
    await runtime.logged("ü");
    expect(runtime.messagesOf(invocationId)).toEqual(["ü", "x"]);
  });
});
