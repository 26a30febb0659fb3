/** A caller that ends its side before the answer: user code is told, runs to its end, and its end is told. */
import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "@jest/globals";
import { newId } from "../../src/lib/new-id.js";
import { describePython, nodejs, python, RuntimeProcess, type Command } from "./runtime-process.js";
import { untilTestEnds } from "./until-test-ends.js";

const keep = untilTestEnds();

/** Begins, waits until it is called off, and ends when the file `finish` of its folder is there. */
const sources: [string, string][] = [
  [
    "Node",
    `import { existsSync } from "node:fs";
     const until = async (holds) => { while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10)) };
     export default async (context) => {
       if (context.request.path === "/next") return "next";
       context.signal.addEventListener("abort", () => console.log("told"));
       console.log("begun");
       await until(() => context.signal.aborted && existsSync("finish"));
       return "ended";
     };`,
  ],
  [
    "Node, where it looks for the signal late",
    `import { existsSync } from "node:fs";
     const until = async (holds) => { while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10)) };
     export default async (context) => {
       if (context.request.path === "/next") return "next";
       console.log("begun");
       await until(() => existsSync("look"));
       if (context.signal.aborted) console.log("told");
       await until(() => existsSync("finish"));
       return "ended";
     };`,
  ],
];

const pythonSource = `import os, time
def main(context):
    if context.request.path == "/next":
        return "next"
    print("begun", flush=True)
    while not context.is_cancelled():
        time.sleep(0.01)
    print("told", flush=True)
    while not os.path.exists("finish"):
        time.sleep(0.01)
    return "ended"`;

async function serve(command: Command, source: string): Promise<RuntimeProcess> {
  return keep(await RuntimeProcess.serving(command, source, { requestsPerInstance: 1 }));
}

/** Sends a request, and ends this side of the connection once the function runs. */
async function callOff(runtime: RuntimeProcess): Promise<{ invocationId: string; answer: Promise<string> }> {
  const invocationId = newId();
  const socket = connect({ host: "127.0.0.1", port: runtime.port });
  const headers = Object.entries(runtime.headers(invocationId)).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  socket.write(`GET / HTTP/1.1\r\nhost: x\r\n${headers.join("")}\r\n`);
  const answer = text(socket);
  await runtime.logged("begun");
  socket.end();
  await once(socket, "finish");
  return { invocationId, answer };
}

function describeCalledOff(command: Command, source: string): void {
  it("is told so, and holds its slot until it has ended and answered", async () => {
    const runtime = await serve(command, source);
    const { invocationId, answer } = await callOff(runtime);
    // To whom looks only later it is told as well.
    await runtime.call({ path: "/next" });
    runtime.touch("look");
    expect((await runtime.logged("told")).i).toBe(invocationId);
    expect((await runtime.call({ path: "/next" })).status).toBe(503);
    runtime.touch("finish");
    expect(await answer).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\nended$/);
    expect((await runtime.call({ path: "/next" })).body).toBe("next");
  });
}

describe.each(sources)("An invocation that is called off: %s", (_name, source) => describeCalledOff(nodejs, source));
describePython("An invocation that is called off: Python", () => describeCalledOff(python, pythonSource));

describe("An invocation that is called off before its stream has begun", () => {
  it("has the stream cancelled, and answers nothing", async () => {
    const runtime = await serve(
      nodejs,
      `export default async (context) => context.request.path === "/next" ? "next" : {
         body: new ReadableStream({ start: () => console.log("begun"), cancel: () => console.log("told") }),
       };`,
    );
    const { answer } = await callOff(runtime);
    await runtime.logged("told");
    expect(await answer).toBe("");
    expect((await runtime.call({ path: "/next" })).body).toBe("next");
  });
});
