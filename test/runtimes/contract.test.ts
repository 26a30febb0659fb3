import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { logTag } from "../../src/lib/log-tag.js";
import { describePython, nodejs, python, RuntimeProcess, type Command } from "./runtime-process.js";
import { untilTestEnds } from "./until-test-ends.js";

/** The same function in the language of each runtime. */
interface Sources {
  readonly hello: string;
  /** Prints `printed`, throws "oh no". */
  readonly throwing: string;
  /** Throws "at load" on its third line. */
  readonly badLoad: string;
  readonly badLoadFile: string;
  /** A syntax error on its second line. */
  readonly badSyntax: string;
  /** Answers the variable GREETING. */
  readonly variable: string;
  /** Answers the JSON of the variable FERMI_TOKEN and of the header that it came in. */
  readonly token: string;
  /** Answers the JSON of the headers it sees. */
  readonly headers: string;
  /** Answers with the status of the query and a body, a stream where it asks for one. */
  readonly bodiless: string;
  /** Answers what `answer` asks for in the query: a way to answer wrongly. */
  readonly wrongAnswers: string;
  readonly wrong: readonly [string, string][];
  /** Prints `begun`, then waits until `/release` was called (answered at once). */
  readonly held: string;
  /** Ends the process with code 7 after printing `last words` without a line feed. */
  readonly exits: string;
  /** Answers the JSON of method, path, query and body. */
  readonly echo: string;
  /** Prints a line and half a line for each call, slowly. */
  readonly prints: string;
  /** Prints one line of 1.2 MB, "a" and 4 bytes a character, and then "ü" 100,000 times without a line feed. */
  readonly printsLong: string;
  /** Has no function under the entrypoint `missing`. */
  readonly named: string;
}

const node: Sources = {
  hello: "module.exports = async () => 'Hello'",
  throwing: "module.exports = async () => { console.log('printed'); throw new TypeError('oh no') }",
  badLoad: "const a = 1;\n\nthrow new Error('at load');",
  badLoadFile: "function.cjs:3",
  badSyntax: "const a = 1;\nconst b = ;\n",
  variable: "module.exports = async () => process.env.GREETING",
  token:
    "module.exports = async ({ request: { headers } }) => ({ body: { token: process.env.FERMI_TOKEN, header: headers['x-fermi-token'] ?? null } })",
  headers: "module.exports = async ({ request }) => ({ body: request.headers })",
  wrongAnswers: `const answers = {
    status: { status: "ok" }, range: { status: 99 }, number: 5, body: { status: 200, body: 5 },
    header: { body: "", headers: { "a b": "c" } }, split: { body: "", headers: { a: "b\\r\\nc: d" } },
    object: { body: "", headers: { "x-object": { a: 1 } } }, nothing: { body: "", headers: { "x-nothing": null } },
    list: { body: "", headers: { "x-list": ["a", null] } }, control: { body: "", headers: { "x-control": "a\\x01" } } };
  module.exports = async ({ request }) => answers[request.query.answer];`,
  wrong: [
    ["status", "status"],
    ["range", "status"],
    ["number", "body"],
    ["body", "body"],
    ["header", "a b"],
    ["split", "a"],
    ["object", "the header x-object must be text or a number"],
    ["nothing", "the header x-nothing must be text or a number"],
    ["list", "the header x-list must be text or a number"],
    ["control", "x-control"],
  ],
  bodiless: `module.exports = async ({ request: { query } }) => ({
    status: Number(query.status), body: query.stream ? (async function* () { yield "a body" })() : "a body" })`,
  held: `let release; const held = new Promise((resolve) => (release = resolve));
  module.exports = async ({ request }) => {
    if (request.path === "/release") return release() ?? "released";
    console.log("begun"); await held; return "done"; }`,
  exits: "module.exports = async () => { process.stdout.write('last words'); process.exit(7) }",
  echo: "module.exports = async ({ request: { method, path, query, body } }) => ({ status: 200, body: { method, path, query, body } })",
  prints: `module.exports = async () => { console.log("one\\ntwo"); process.stdout.write("half");
    await new Promise((resolve) => setTimeout(resolve, 20)); process.stdout.write(" whole\\n"); console.error("bad"); return "" }`,
  printsLong: `module.exports = async () => { console.log("a" + "\u{1f600}".repeat(300_000)); process.stdout.write("ü".repeat(100_000)); return "" }`,
  named: "exports.other = async () => 'other'; exports.more = () => {}",
};

const py: Sources = {
  hello: "def main():\n  return 'Hello'",
  throwing: "def main():\n  print('printed')\n  raise TypeError('oh no')",
  badLoad: "a = 1\n\nraise RuntimeError('at load')",
  badLoadFile: "function.py:3",
  badSyntax: "a = 1\nb = = 2\n",
  variable: "import os\ndef main():\n  return os.environ['GREETING']",
  token:
    "import os\ndef main(context):\n  return {'token': os.environ['FERMI_TOKEN'], 'header': context.request.headers.get('x-fermi-token')}",
  headers: "def main(context):\n  return context.request.headers",
  wrongAnswers: `def main(context):
  return {"status": ("", "ok"), "range": ("", 99), "number": 5, "body": (5, 200),
    "header": ("", 200, {"a b": "c"}), "split": ("", 200, {"a": "b\\r\\nc: d"}), "object": ("", 200, {"x-object": {"a": 1}}),
    "nothing": ("", 200, {"x-nothing": None}), "list": ("", 200, {"x-list": ["a", None]}), "control": ("", 200, {"x-control": "a\\x01"})}[context.request.query["answer"]]`,
  wrong: node.wrong,
  bodiless: `def main(context):
  query = context.request.query
  return iter(["a body"]) if "stream" in query else "a body", int(query["status"])`,
  held: `import threading
release = threading.Event()
def main(context):
  if context.request.path == "/release":
    release.set()
    return "released"
  print("begun")
  release.wait()
  return "done"`,
  exits: "import sys\ndef main():\n  print('last words', end='')\n  sys.exit(7)",
  echo: `def main(context):
  request = context.request
  body = request.body.decode("latin-1") if isinstance(request.body, bytes) else request.body
  return {"method": request.method, "path": request.path, "query": request.query, "body": body}`,
  prints: `import sys, time
def main():
  print("one\\ntwo")
  print("half", end="")
  time.sleep(0.02)
  print(" whole")
  print("bad", file=sys.stderr)
  return ""`,
  printsLong: `import sys
def main():
  print("a" + "\\U0001f600" * 300_000)
  sys.stdout.write("ü" * 100_000)
  return ""`,
  named: "def other():\n  return 'other'\ndef more():\n  pass",
};

function describeContract(name: string, command: Command, sources: Sources): void {
  describe(`Runtime contract: ${name}`, () => {
    const keep = untilTestEnds();
    const track = (runtime: RuntimeProcess): RuntimeProcess => {
      keep(runtime);
      return runtime;
    };
    const start = async (): Promise<RuntimeProcess> => track(await RuntimeProcess.start(command));
    const serve = async (...args: [string, object?]): Promise<RuntimeProcess> =>
      track(await RuntimeProcess.serving(command, ...args));

    describe("specialization", () => {
      it("turns a generic instance into that of one function and version", async () => {
        const runtime = await start();
        expect(JSON.parse((await runtime.call({ path: "/-/state", key: null })).body)).toEqual({ state: "generic" });
        expect((await runtime.specialize(sources.hello)).status).toBe(200);
        const state = await runtime.call({ path: "/-/state", key: null });
        expect(JSON.parse(state.body)).toEqual({ state: "specialized", functionId: "the-function", version: 3 });
        expect((await runtime.call()).body).toBe("Hello");
      });

      it("answers other requests with 500 before", async () => {
        const runtime = await start();
        const { status, body } = await runtime.call({ key: null });
        expect({ status, body: JSON.parse(body) as unknown }).toEqual({
          status: 500,
          body: { error: "not specialized" },
        });
        expect((await runtime.call({ path: "/-/healthz", key: null })).status).toBe(200);
      });

      it("lets a router send elsewhere what is meant for a function before", async () => {
        const { status, headers } = await (await start()).call({ key: "of another life" });
        expect({ status, busy: headers["x-fermi-busy"] }).toEqual({ status: 503, busy: "1" });
      });

      it("is refused with 409 the second time", async () => {
        const runtime = await serve(sources.hello);
        expect((await runtime.specialize(sources.hello)).status).toBe(409);
        expect((await runtime.call()).body).toBe("Hello");
      });

      it("is refused with 400 where the request is not what it should be, and may be tried again", async () => {
        const runtime = await start();
        for (const body of ["{", "[]", "null", '{"function":{"id":"x"},"version":1}']) {
          expect((await runtime.call({ method: "POST", path: "/specialize", body, key: null })).status).toBe(400);
        }
        expect((await runtime.specialize(sources.hello)).status).toBe(200);
      });

      it("answers 422 with the error and its line where the code throws, and logs it", async () => {
        const runtime = await start();
        const answer = await runtime.specialize(sources.badLoad);
        expect(answer.status).toBe(422);
        const { error, stack } = JSON.parse(answer.body) as { error: string; stack: string };
        expect(error).toContain("at load");
        expect(error).toContain(sources.badLoadFile);
        expect(stack).toContain("at load");
        expect((await runtime.logged("at load")).s).toBe("stderr");
        expect((await runtime.specialize(sources.hello)).status).toBe(409);
      });

      it("answers 422 with the line of a syntax error", async () => {
        const answer = await (await start()).specialize(sources.badSyntax);
        expect(answer.status).toBe(422);
        expect((JSON.parse(answer.body) as { error: string }).error).toMatch(/SyntaxError.*function\.\w+:2/);
      });

      it("picks the function that the entrypoint names, and says what there is where it names none", async () => {
        expect((await (await serve(sources.named, { entrypoint: "other" })).call()).body).toBe("other");
        for (const entrypoint of ["missing", null]) {
          const answer = await (await start()).specialize(sources.named, { entrypoint });
          expect(answer.status).toBe(422);
          expect((JSON.parse(answer.body) as { error: string }).error).toContain("other, more");
        }
      });

      it("hands variables to user code", async () => {
        const runtime = await serve(sources.variable, { variables: [{ name: "GREETING", value: "Grüß Gott" }] });
        expect((await runtime.call()).body).toBe("Grüß Gott");
      });

      it("hands user code its token, and a new one when that comes with a request", async () => {
        const runtime = await serve(sources.token, { platformVariables: [{ name: "FERMI_TOKEN", value: "first" }] });
        const answer = async (headers = {}): Promise<unknown> => JSON.parse((await runtime.call({ headers })).body);
        expect(await answer()).toEqual({ token: "first", header: null });
        expect(await answer({ "x-fermi-token": "second" })).toEqual({ token: "second", header: null });
        expect(await answer()).toEqual({ token: "second", header: null });
      });
    });

    describe("requests", () => {
      let shared: RuntimeProcess;
      beforeAll(async () => {
        shared = await RuntimeProcess.serving(command, sources.echo);
      });
      afterAll(() => shared.stop());

      const echo = async (options: Parameters<RuntimeProcess["call"]>[0]): Promise<unknown> =>
        JSON.parse((await shared.call(options)).body);
      const post = (type: string, body: string): Promise<unknown> =>
        echo({ method: "POST", path: "/a%20b?x=1&y=2&y=3", headers: { "content-type": type }, body });

      it("reach user code as they were sent, with the body parsed as its type says", async () => {
        const rest = { method: "POST", path: "/a%20b", query: { x: "1", y: ["2", "3"] } };
        expect(await post("application/json", '{"a":[1]}')).toEqual({ ...rest, body: { a: [1] } });
        expect(await post("application/problem+json; charset=utf-8", '"ü"')).toEqual({ ...rest, body: "ü" });
        expect(await post("application/x-www-form-urlencoded", "a=1&b=%20&b=2")).toEqual({
          ...rest,
          body: { a: "1", b: [" ", "2"] },
        });
        expect(await post("text/plain", "text")).toEqual({ ...rest, body: "text" });
        expect(await echo({})).toEqual({ method: "GET", path: "/", query: {}, body: {} });
      });

      it("reach user code with all fields of a query or a form, however many", async () => {
        const fields = Array.from({ length: 1_001 }, (_, index) => `f${index}=`).join("&");
        const headers = { "content-type": "application/x-www-form-urlencoded" };
        const { query, body } = (await echo({ method: "POST", path: `/?${fields}`, headers, body: fields })) as {
          query: object;
          body: object;
        };
        expect([Object.keys(query).length, Object.keys(body).length]).toEqual([1_001, 1_001]);
      });

      it("may be chunked", async () => {
        const headers = { "transfer-encoding": "chunked", "content-type": "text/plain" };
        expect(await echo({ method: "PUT", headers, body: "in pieces" })).toMatchObject({ body: "in pieces" });
        const json = { ...headers, "content-type": "application/json" };
        expect(await echo({ method: "PUT", headers: json })).toMatchObject({ body: {} });
      });

      it("wait for 100 Continue where they ask for it", async () => {
        const socket = shared.connect();
        const head = Object.entries(shared.headers("an-id")).map(([name, value]) => `${name}: ${String(value)}\r\n`);
        socket.write(
          `POST / HTTP/1.1\r\nhost: x\r\n${head.join("")}content-type: text/plain\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n`,
        );
        const [proceed] = (await once(socket, "data")) as [Buffer];
        expect(proceed.toString()).toMatch(/^HTTP\/1\.1 100 /);
        socket.write("body");
        const [answer] = (await once(socket, "data")) as [Buffer];
        expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /);
        socket.destroy();
      });

      it("are refused with 400 where their JSON is none", async () => {
        const answer = await shared.call({
          method: "POST",
          headers: { "content-type": "application/json" },
          body: "{",
        });
        expect(answer.status).toBe(400);
        expect(answer.body).toContain("JSON");
        expect((await shared.call()).status).toBe(200);
      });

      it("are refused without the instance's key", async () => {
        for (const key of [null, "wrong", "", `${shared.key}x`]) expect((await shared.call({ key })).status).toBe(401);
      });

      it("go to user code with the key, whatever their path", async () => {
        expect(await echo({ path: "/-/healthz" })).toMatchObject({ path: "/-/healthz" });
        expect(await echo({ method: "POST", path: "/specialize" })).toMatchObject({ path: "/specialize" });
      });

      it("are refused with 400 where they are no HTTP, and harm nobody else", async () => {
        const socket = shared.connect();
        socket.write("nonsense\r\n\r\n");
        const [answer] = (await once(socket, "data")) as [Buffer];
        expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 /);
        socket.destroy();
        expect((await shared.call()).status).toBe(200);
      });

      it("may follow each other on one connection", async () => {
        const socket = shared.connect();
        const head = Object.entries(shared.headers("an-id")).map(([name, value]) => `${name}: ${String(value)}\r\n`);
        for (const count of [1, 2, 3]) {
          socket.write(`GET /${count} HTTP/1.1\r\nhost: x\r\n${head.join("")}\r\n`);
          let text = "";
          while (!text.includes(`/${count}`)) text += String(((await once(socket, "data")) as [Buffer])[0]);
          expect(text).toMatch(/^HTTP\/1\.1 200 /);
        }
        socket.destroy();
      });
    });

    it("hides the platform's secrets from user code, and shows the rest of its headers", async () => {
      const runtime = await serve(sources.headers);
      const answer = await runtime.call({ headers: { "x-fermi-trigger": "t", accept: ["a", "b"] } });
      const seen = JSON.parse(answer.body) as Record<string, string>;
      expect(seen).toMatchObject({
        "x-fermi-trigger": "t",
        "x-fermi-invocation-id": answer.invocationId,
        accept: "a, b",
      });
      expect(seen).not.toHaveProperty("x-fermi-key");
      expect(seen).not.toHaveProperty("x-fermi-log-tag");
    });

    it("answers 500 with the reason, and logs it, where user code throws", async () => {
      const runtime = await serve(sources.throwing);
      const answer = await runtime.call();
      expect(answer.status).toBe(500);
      expect(JSON.parse(answer.body)).toEqual({ error: "TypeError: oh no" });
      expect(decodeURIComponent(String(answer.headers["x-fermi-function-error"]))).toBe("TypeError: oh no");
      await runtime.logged("oh no");
      const messages = runtime.messagesOf(answer.invocationId);
      expect(messages[0]).toBe("printed");
      expect(messages.join("\n")).toMatch(/function\.\w+["']?[:,]/);
    });

    it("sends no body with a status that has none, and goes on with the connection", async () => {
      const runtime = await serve(sources.bodiless);
      for (const status of [204, 205, 304]) {
        for (const path of [`/?status=${status}`, `/?status=${status}&stream=1`]) {
          const answer = await runtime.call({ path });
          expect({ path, status: answer.status, body: answer.body }).toEqual({ path, status, body: "" });
          expect(answer.headers["content-length"]).toBe(status === 205 ? "0" : undefined);
          expect(answer.headers["transfer-encoding"]).toBeUndefined();
        }
      }
    });

    it("answers 500 with the reason where user code answers wrongly", async () => {
      const runtime = await serve(sources.wrongAnswers);
      for (const [answer, reason] of sources.wrong) {
        const { status, body } = await runtime.call({ path: `/?answer=${answer}` });
        expect({ answer, status }).toEqual({ answer, status: 500 });
        expect((JSON.parse(body) as { error: string }).error).toContain(reason);
      }
    });

    it("refuses what exceeds its requests at a time, before user code sees it", async () => {
      const runtime = await serve(sources.held, { requestsPerInstance: 2 });
      const first = runtime.call();
      await runtime.logged("begun");
      const second = runtime.call();
      await runtime.until("two begun", () =>
        runtime.logs.filter(({ m }) => m === "begun").length === 2 ? true : undefined,
      );
      const third = await runtime.call();
      expect({ status: third.status, busy: third.headers["x-fermi-busy"] }).toEqual({ status: 503, busy: "1" });
      runtime.process.kill("SIGTERM");
      first.catch(() => {});
      second.catch(() => {});
    });

    it("gives a slot back with the answer", async () => {
      const runtime = await serve(sources.hello, { requestsPerInstance: 1 });
      for (let count = 0; count < 50; count += 1) expect((await runtime.call()).status).toBe(200);
    });

    it("ties what is printed to its invocation, line by line, when several run at once", async () => {
      const runtime = await serve(sources.prints);
      const calls = await Promise.all([1, 2, 3].map(() => runtime.call()));
      for (const { invocationId } of calls) {
        await runtime.until("its last line", () =>
          runtime.messagesOf(invocationId).includes("bad") ? true : undefined,
        );
        expect(runtime.messagesOf(invocationId)).toEqual(["one", "two", "half whole", "bad"]);
        const [line] = runtime.logs.filter(({ i }) => i === invocationId);
        expect(line).toMatchObject({ s: "stdout", g: logTag(runtime.key, invocationId) });
        expect(Math.abs(line!.t - Date.now())).toBeLessThan(60_000);
      }
      expect(runtime.logs.find(({ m }) => m === "bad")!.s).toBe("stderr");
    });

    it("splits a long line into several, each tied to its invocation, and breaks no character", async () => {
      const runtime = await serve(sources.printsLong);
      const { invocationId } = await runtime.call();
      const isPrinted = (): true | undefined =>
        runtime.messagesOf(invocationId).join("").endsWith("ü".repeat(100_000)) ? true : undefined;
      await runtime.until("all of it", isPrinted);
      const messages = runtime.messagesOf(invocationId);
      expect(messages.join("") === `a${"\u{1f600}".repeat(300_000)}${"ü".repeat(100_000)}`).toBe(true);
      expect(messages.some((message) => /\p{Surrogate}/u.test(message))).toBe(false);
      expect(Math.max(...runtime.lines.map((line) => Buffer.byteLength(line)))).toBeLessThan(64 * 1024);
      expect(runtime.lines).toHaveLength(messages.length);
    });

    it("writes what was printed before user code ends the process", async () => {
      const runtime = await serve(sources.exits);
      await expect(runtime.call()).rejects.toThrow();
      expect(await runtime.exited).toBe(7);
      expect(runtime.logs.map(({ m }) => m)).toContain("last words");
    });

    it("finishes what runs at SIGTERM, and takes nothing new", async () => {
      const runtime = await serve(sources.held);
      const held = runtime.call();
      await runtime.logged("begun");
      const release = runtime.connect();
      await once(release, "connect");
      const other = await runtime.call({ path: "/release" });
      runtime.process.kill("SIGTERM");
      expect(other.body).toBe("released");
      expect((await held).body).toBe("done");
      release.destroy();
      expect(await runtime.exited).toBe(0);
      await expect(runtime.call()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    });

    it("ends when its stdin does", async () => {
      const runtime = await start();
      runtime.process.stdin!.end();
      expect(await runtime.exited).toBe(0);
    });

    it("prints nothing of its own when it starts", async () => {
      const runtime = await serve(sources.hello);
      await runtime.call();
      expect(runtime.lines).toEqual([]);
      expect(runtime.stderr).toBe("");
    });
  });
}

describeContract("nodejs", nodejs, node);
describePython("in Python", () => describeContract("python", python, py));
