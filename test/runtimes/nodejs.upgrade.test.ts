import { describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import type { Socket } from "node:net";
import { newId } from "../../src/lib/new-id.js";
import { nodejs, RuntimeProcess } from "./runtime-process.js";
import { untilTestEnds } from "./until-test-ends.js";

const keep = untilTestEnds();

async function serve(upgrade: string): Promise<RuntimeProcess> {
  const source = `exports.main = async () => "plain"; exports.upgrade = (request, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\\r\\nconnection: upgrade\\r\\nupgrade: echo\\r\\n\\r\\n"); ${upgrade} }`;
  return keep(await RuntimeProcess.serving(nodejs, source, { requestsPerInstance: 2, entrypoint: "main" }));
}

/** A connection that was taken over. */
async function open(runtime: RuntimeProcess, invocationId = newId()): Promise<Socket> {
  const socket = runtime.connect();
  const headers = Object.entries(runtime.headers(invocationId)).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  socket.write(`GET / HTTP/1.1\r\nhost: x\r\n${headers.join("")}connection: upgrade\r\nupgrade: echo\r\n\r\n`);
  expect(String(((await once(socket, "data")) as [Buffer])[0])).toMatch(/^HTTP\/1\.1 101 /);
  return socket;
}

/** Asks until there is a slot. */
async function served(runtime: RuntimeProcess): Promise<void> {
  while ((await runtime.call()).status !== 200);
}

const deaf = `socket.on("data", () => {}).on("error", () => {}).on("close", () => {})`;

describe("Connections that user code takes over", () => {
  it.each([
    ["ends", (socket: Socket) => void socket.end()],
    ["resets", (socket: Socket) => void socket.resetAndDestroy()],
  ])("give their slot back when the peer %s, also where user code listens to no end", async (_, leave) => {
    const runtime = await serve(deaf);
    const sockets = [await open(runtime), await open(runtime)];
    expect((await runtime.call()).status).toBe(503);
    sockets.forEach(leave);
    await served(runtime);
  });

  it("may go on with a peer that has ended its side, for as long as they say something", async () => {
    const runtime = await serve(
      `let n = 0; socket.on("data", () => {}); const timer = setInterval(() => { socket.write(String(++n)); if (n === 4) socket.end("!"), clearInterval(timer) }, 600)`,
    );
    const socket = (await open(runtime)).end();
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    await once(socket, "close");
    expect(text).toBe("1234!");
  });

  it("print for their invocation, whatever event they print at", async () => {
    const runtime = await serve(
      `socket.on("data", (data) => console.log("data " + data)).on("end", () => socket.end()).on("close", () => { process.stdout.write("close"); setTimeout(() => process.stdout.write("late"), 20); })`,
    );
    const invocationId = newId();
    const socket = await open(runtime, invocationId);
    socket.end("x");
    await runtime.logged("late");
    expect(runtime.messagesOf(invocationId)).toEqual(["data x", "close", "late"]);
  });

  it("leave a caller's abort signal to print for its invocation", async () => {
    const runtime = await RuntimeProcess.serving(
      nodejs,
      `module.exports = async ({ signal }) => { signal.addEventListener("abort", () => console.log("aborted"));
        return (async function* () { try { yield "first"; await new Promise((resolve) => signal.addEventListener("abort", resolve)) } finally { console.log("over") } })() }`,
    );
    keep(runtime);
    const invocationId = newId();
    const socket = runtime.connect();
    const headers = Object.entries(runtime.headers(invocationId)).map(
      ([name, value]) => `${name}: ${String(value)}\r\n`,
    );
    socket.write(`GET / HTTP/1.1\r\nhost: x\r\n${headers.join("")}\r\n`);
    await once(socket, "data");
    socket.destroy();
    await runtime.logged("over");
    expect(runtime.messagesOf(invocationId)).toEqual(["aborted", "over"]);
  });
});
