import { expect, it } from "@jest/globals";
import { once } from "node:events";
import { eventually } from "../support/harness.js";
import { describePython, python, RuntimeProcess, type Answer, type CallOptions } from "./runtime-process.js";
import { untilTestEnds } from "./until-test-ends.js";

const keep = untilTestEnds();

async function serve(source: string): Promise<RuntimeProcess> {
  return keep(await RuntimeProcess.serving(python, source));
}

const answerOf = async (source: string, options: CallOptions = {}): Promise<Answer> =>
  (await serve(source)).call(options);

describePython("Handler forms of Python", () => {
  it("takes every kind of answer", async () => {
    const runtime = await serve(`
def pieces():
    yield "a"
    yield b"b"
ANSWERS = {
    "str": lambda: "text", "bytes": lambda: b"hi", "dict": lambda: {"a": 1}, "list": lambda: [1, 2], "none": lambda: None,
    "status": lambda: ("made", 201), "triple": lambda: ("x", 202, {"x-a": "b", "set-cookie": ["a=1", "b=2"]}),
    "headers": lambda: ({"a": 1}, {"content-type": "application/vnd.a+json"}), "stream": pieces, "empty": lambda: ("", 304),
}
def main(context):
    return ANSWERS[context.request.query["a"]]()`);
    const get = (a: string): Promise<Answer> => runtime.call({ path: `/?a=${a}` });
    expect(await get("str")).toMatchObject({
      status: 200,
      body: "text",
      headers: { "content-type": "text/plain; charset=utf-8" },
    });
    expect(await get("bytes")).toMatchObject({ body: "hi", headers: { "content-type": "application/octet-stream" } });
    expect(await get("dict")).toMatchObject({
      body: '{"a": 1}',
      headers: { "content-type": "application/json; charset=utf-8" },
    });
    expect((await get("list")).body).toBe("[1, 2]");
    expect(await get("none")).toMatchObject({ status: 204, body: "" });
    expect(await get("status")).toMatchObject({ status: 201, body: "made" });
    expect(await get("triple")).toMatchObject({ status: 202, headers: { "x-a": "b", "set-cookie": ["a=1", "b=2"] } });
    expect((await get("headers")).headers["content-type"]).toBe("application/vnd.a+json");
    expect(await get("stream")).toMatchObject({ body: "ab", headers: { "transfer-encoding": "chunked" } });
    expect((await get("empty")).status).toBe(304);
  });

  it("takes code that begins with a byte order mark, as editors may write it", async () => {
    expect((await answerOf("\uFEFF#!/usr/bin/env python3\ndef main():\n  return 'Hello'")).body).toBe("Hello");
  });

  it("names a status as HTTP does, and one that is nobody's not at all", async () => {
    const runtime = await serve("def main(context):\n  return 'x', int(context.request.query['status'])");
    const named = async (status: number) => (await runtime.call({ path: `/?status=${status}` })).statusText;
    expect([await named(404), await named(429), await named(299)]).toEqual(["Not Found", "Too Many Requests", ""]);
  });

  it("takes coroutines, classes' instances and what was decorated", async () => {
    expect(
      (
        await answerOf(
          "import asyncio\nasync def main(context):\n  await asyncio.sleep(0)\n  return context.request.method",
        )
      ).body,
    ).toBe("GET");
    expect(
      (
        await answerOf("class App:\n  def __call__(self, context):\n    return context.request.path\nmain = App()", {
          path: "/x",
        })
      ).body,
    ).toBe("/x");
    const decorated =
      "import functools\ndef d(f):\n  @functools.wraps(f)\n  def g(*a):\n    return f(*a)\n  return g\n@d\ndef main(context):\n  return context.request.method";
    expect((await answerOf(decorated)).body).toBe("GET");
    expect((await answerOf("def handler():\n  return 'the only one'")).body).toBe("the only one");
  });

  it("takes no bytes for no body, whatever type they are said to be of", async () => {
    const runtime = await serve("def main(context):\n  return [context.request.body]");
    for (const type of ["text/plain", "application/json", "application/octet-stream"]) {
      for (const framing of ["content-length", "transfer-encoding"]) {
        const headers = { "content-type": type, [framing]: framing === "content-length" ? "0" : "chunked" };
        expect((await runtime.call({ method: "POST", headers })).body).toBe("[{}]");
      }
    }
  });

  it("takes None for no headers", async () => {
    expect(await answerOf("def main():\n  return 'made', 201, None")).toMatchObject({ status: 201, body: "made" });
  });

  it("refuses JSON that is nested too deeply to be read, which is the caller's fault", async () => {
    const headers = { "content-type": "application/json" };
    const body = "[".repeat(200_000) + "]".repeat(200_000);
    const answer = await answerOf("def main(context):\n  return 'read'", { method: "POST", headers, body });
    expect(answer).toMatchObject({ status: 400, body: expect.stringContaining("nested") as unknown });
  });

  it("tells a function who it is, and whether its caller is there", async () => {
    const answer = await answerOf(
      "def main(context):\n  return [context.function, context.version, context.invocation_id, context.is_cancelled()]",
    );
    const known = { id: "the-function", name: "hello", namespace: "default" };
    expect(JSON.parse(answer.body)).toEqual([known, 3, answer.invocationId, false]);
  });

  it("breaks the answer off where its stream fails, and logs why", async () => {
    const runtime = await serve(
      "def pieces():\n  yield 'a'\n  raise ValueError('in the middle')\ndef main():\n  return pieces()",
    );
    await expect(runtime.call()).rejects.toThrow();
    await runtime.logged("in the middle");
  });

  it("logs an OSError of a stream, which is user code's and not the connection's", async () => {
    const runtime = await serve("def main():\n  yield 'a'\n  open('/there/is/none')");
    await expect(runtime.call()).rejects.toThrow();
    expect(await runtime.logged("FileNotFoundError")).toMatchObject({
      s: "stderr",
      i: expect.any(String) as unknown,
    });
    await expect(runtime.call()).rejects.toThrow();
  });

  it("logs what a stream raises when it is closed before its end", async () => {
    const runtime = await serve("def main():\n  try:\n    yield 5\n  finally:\n    raise ValueError('at its close')");
    const answer = await runtime.call();
    expect(answer).toMatchObject({ status: 500, body: expect.stringContaining("gave int") as unknown });
    expect((await runtime.logged("at its close")).i).toBe(answer.invocationId);
  });

  it("ends the process where a stream calls sys.exit", async () => {
    const runtime = await serve("import sys\ndef main():\n  yield 'a'\n  print('last')\n  sys.exit(7)");
    await expect(runtime.call()).rejects.toThrow();
    expect(await runtime.exited).toBe(7);
    expect(runtime.logs.map(({ m }) => m)).toEqual(["last"]);
  });

  it.each(["{'a': float('nan')}", "[float('inf')]"])("answers 500 to %s, which is no JSON", async (value) => {
    const answer = await answerOf(`def main():\n  return ${value}`);
    expect(answer).toMatchObject({
      status: 500,
      body: expect.stringContaining("knows no NaN, no Infinity") as unknown,
    });
    expect(answer.headers["x-fermi-function-error"]).toContain("NaN");
  });

  it("ties what threads and logging print to the invocation", async () => {
    const runtime = await serve(`
import logging, sys, threading
def main():
    thread = threading.Thread(target=lambda: print("from a thread"))
    thread.start()
    thread.join()
    logging.warning("a warning")
    sys.stdout.buffer.write(b"bytes\\n")
    return ""`);
    const { invocationId } = await runtime.call();
    await runtime.logged("bytes");
    expect(runtime.messagesOf(invocationId)).toEqual(["from a thread", "WARNING:root:a warning", "bytes"]);
  });

  it("shows no request's context variables to the next one of its connection, those of its stream neither", async () => {
    const runtime = await serve(`
import contextvars
user = contextvars.ContextVar("user", default="nobody")
def main(context):
    before = user.get()
    user.set("alice")
    def pieces():
        yield before + " "
        yield user.get() + "."
        user.set("bob")
    return pieces()`);
    const socket = runtime.connect();
    const head = Object.entries(runtime.headers("an-id")).map(([name, value]) => `${name}: ${String(value)}\r\n`);
    for (let count = 0; count < 2; count += 1) {
      socket.write(`GET / HTTP/1.1\r\nhost: x\r\n${head.join("")}\r\n`);
      let text = "";
      while (!text.endsWith("0\r\n\r\n")) text += String(((await once(socket, "data")) as [Buffer])[0]);
      expect(text).toContain("nobody");
      expect(text).toContain("alice.");
    }
    socket.destroy();
  });

  it("prints what a thread does after the answer by its end, and keeps nothing of the invocation then", async () => {
    const runtime = await serve(`
import gc, threading
gc.disable()
answered = threading.Event()
def late():
    answered.wait()
    print("late", 1)
    print("flushed", end="", flush=True)
    print("at the end", end="")
def main(context):
    if context.request.path == "/answered":
        answered.set()
        return ""
    if context.request.path == "/count":
        gc.collect()
        return str(sum(type(thing).__name__ == "Invocation" for thing in gc.get_objects()))
    threading.Thread(target=late).start()
    return ""`);
    const { invocationId } = await runtime.call();
    await runtime.call({ path: "/answered" });
    await runtime.logged("at the end");
    expect(runtime.messagesOf(invocationId)).toEqual(["late 1", "flushed", "at the end"]);
    // Its thread may be about to end.
    await eventually(async () => expect((await runtime.call({ path: "/count" })).body).toBe("1"));
  });

  it("takes lines of any length, and logs no empty one after them", async () => {
    const runtime = await serve("def main():\n  print('x' * 17_000_000)\n  print('y' * 16_000)\n  return 'fine'");
    const { body, invocationId } = await runtime.call();
    expect(body).toBe("fine");
    await runtime.logged("y");
    const lengths = runtime.messagesOf(invocationId).map((message) => message.length);
    expect(lengths).toHaveLength(Math.ceil(17_000_000 / 16_000) + 1);
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(17_016_000);
    expect(lengths).not.toContain(0);
  });

  it("goes on after an error in a thread, and logs it", async () => {
    const runtime = await serve(
      "import threading\ndef bad():\n  raise ValueError('in a thread')\ndef main():\n  threading.Thread(target=bad).start()\n  return 'fine'",
    );
    const { invocationId } = await runtime.call();
    expect((await runtime.logged("in a thread")).i).toBe(invocationId);
    expect((await runtime.call()).body).toBe("fine");
  });

  it("answers HEAD without a body", async () => {
    expect(await answerOf("def main():\n  return 'four'", { method: "HEAD" })).toMatchObject({
      body: "",
      headers: { "content-length": "4" },
    });
  });
});
