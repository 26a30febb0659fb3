/** Runtimes as the local driver starts them, for calls that go around the router. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { connect, ok } from "./http.mjs";
import { startProcess } from "./processes.mjs";
import { now } from "./server.mjs";

const inRoot = (place) => fileURLToPath(new URL(`../${place}`, import.meta.url));
export const nodeRuntime = [process.execPath, inRoot("environments/nodejs/server.js")];
export const pythonRuntime = (python) => [python, "-I", inRoot("environments/python/server.py")];
export const bareServer = [process.execPath, inRoot("bench/contest/bare-server.mjs")];

/** Whatever announces its port as environments/CONTRACT.md says; resolves when it has. */
export async function startInstance([program, ...args]) {
  const startedAt = now();
  const started = startProcess(program, [...args, "--ready-fd", "3", "--exit-with-stdin"], {
    env: { HOME: os.tmpdir(), PORT: "0" },
    stdio: ["pipe", "ignore", "ignore", "pipe"],
  });
  const [text] = await once(started.child.stdio[3], "data");
  const { port } = JSON.parse(text);
  return { ...started, port, url: `http://127.0.0.1:${port}`, startMs: now() - startedAt };
}

/** A generic runtime for Node, and what `POST /specialize` is to be told. */
export async function startRuntime(command = nodeRuntime, key = randomUUID()) {
  const instance = await startInstance(command);
  const specialization = (source, requestsPerInstance = 1) => ({
    function: { id: randomUUID(), name: "bench", namespace: "default" },
    version: 1,
    entrypoint: null,
    variables: [],
    requestsPerInstance,
    key,
    code: { source, sha256: "" },
  });
  return { ...instance, headers: { "x-fermi-key": key }, specialization };
}

/** Makes a function of a generic runtime, over a connection to it; resolves with the milliseconds that it took. */
export async function specialize(connection, runtime, source, requestsPerInstance) {
  const body = JSON.stringify(runtime.specialization(source, requestsPerInstance));
  const headers = { "content-type": "application/json" };
  return (await ok(connection, "/specialize", { method: "POST", headers, body })).ms;
}

/** A runtime that serves the function, without a router. */
export async function startFunction(source, { requestsPerInstance, command, key }) {
  const runtime = await startRuntime(command, key);
  const connection = connect(runtime.url);
  await specialize(connection, runtime, source, requestsPerInstance);
  connection.close();
  return runtime;
}
