import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "@jest/globals";
import { type WebSocket, WebSocketServer } from "ws";
import { invocationNode, logNode, startFakeApi } from "./fake-api.js";

const bin = fileURLToPath(new URL("../../bin/fermi.js", import.meta.url));

/** Loaded before the program: timers go off so many times sooner. */
const hurrying = (times: number): string => `data:text/javascript,
  const { setTimeout: after } = globalThis, { timeout } = AbortSignal;
  globalThis.setTimeout = (work, ms, ...given) => after(work, ms / ${times}, ...given);
  AbortSignal.timeout = (ms) => timeout(ms / ${times});`;

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** The program as it is installed, for which time goes by faster. */
async function fermi(line: string, server: string, { times }: { times: number }) {
  const preload = encodeURI(hurrying(times));
  const child = spawn(process.execPath, ["--import", preload, bin, ...line.split(" ")], {
    env: { PATH: process.env["PATH"], FERMI_SERVER: server },
    stdio: ["ignore", "pipe", "pipe"],
  });
  stops.push(() => void child.kill("SIGKILL"));
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [exitCode] = (await once(child, "close")) as [number];
  return { exitCode, stdout, stderr };
}

/** A function that has printed nothing yet; whoever subscribes to its logs gets what `onSocket` does. */
async function startQuiet(onSocket: (socket: WebSocket) => void): Promise<string> {
  const pageInfo = { hasPreviousPage: false, startCursor: null };
  const answer = JSON.stringify({ data: { function: { id: "f1" }, logs: { nodes: [], pageInfo } } });
  const server = createServer((_req, res) => res.end(answer)).listen(0, "127.0.0.1");
  const sockets = new WebSocketServer({ server, handleProtocols: () => "graphql-transport-ws" });
  sockets.on("connection", onSocket);
  await once(server, "listening");
  stops.push(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Message {
  readonly type: string;
  readonly id?: string;
}

const onMessage = (socket: WebSocket, handle: (message: Message) => void): void =>
  void socket.on("message", (data: Buffer) => handle(JSON.parse(data.toString()) as Message));

const say = (socket: WebSocket, message: object): void => socket.send(JSON.stringify(message));

describe("The patience of the command line", () => {
  it("has no end where a function runs", async () => {
    const runs = async (): Promise<object> => {
      await delay(1_500);
      return invocationNode();
    };
    const api = await startFakeApi({ invokeFunction: runs });
    stops.push(() => api.stop());
    // A second and a half is 25 minutes for it.
    const ran = await fermi("function invoke hi", api.url, { times: 1_000 });
    expect(ran).toEqual({ exitCode: 0, stdout: "Hello, world!\n", stderr: "" });
  });

  it("ends after half a minute elsewhere", async () => {
    const server = createServer(() => {}).listen(0, "127.0.0.1");
    await once(server, "listening");
    stops.push(() => (server.closeAllConnections(), void server.close()));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await fermi("env list", url, { times: 100 })).toEqual({
      exitCode: 3,
      stdout: "",
      stderr: `fermi: no answer from ${url} within 30 s; is it overloaded?\n`,
    });
  });

  it("ends where a WebSocket is taken, and nothing said on it", async () => {
    const url = await startQuiet(() => {});
    expect(await fermi("function logs hi -f", url, { times: 100 })).toEqual({
      exitCode: 3,
      stdout: "",
      stderr: `fermi: ${url} has fallen silent: it has said nothing for 30 s; run the command again\n`,
    });
  });

  it("ends where a server gives no sign of life when it is asked for one, and not where there is just nothing to tell", async () => {
    const said: string[] = [];
    const url = await startQuiet((socket) =>
      onMessage(socket, ({ type, id }) => {
        said.push(type);
        if (type === "connection_init") say(socket, { type: "connection_ack" });
        if (type === "ping" && said.length === 3) say(socket, { type: "pong" });
        if (type === "subscribe") say(socket, { type: "next", id, payload: { data: { logs: logNode(1) } } });
      }),
    );
    const { exitCode, stdout, stderr } = await fermi("function logs hi -f", url, { times: 20 });
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: expect.stringContaining("has fallen silent") });
    expect(stdout).toContain("line 1");
    expect(said).toEqual(["connection_init", "subscribe", "ping", "ping"]);
  });
});
