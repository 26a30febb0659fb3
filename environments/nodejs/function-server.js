/** Admits requests to user code, and answers the platform's own (without a key) itself. */
import { STATUS_CODES } from "node:http";
import { inspectError } from "./errors.js";
import { Invocation } from "./invocation.js";
import { load } from "./load.js";
import { current, logError } from "./logs.js";
import { Running } from "./running.js";
import { isBadRequest, readSpecialization } from "./specialization.js";
import { runUpgrade } from "./upgrade.js";

const busy = { status: 503, error: "busy", headers: { "x-fermi-busy": "1" } };

const run = (invocation, handler) => invocation.run(handler);

export class FunctionServer {
  running = new Running();
  #state = "generic";
  #isEnding = false;
  #specialized;
  #handler;
  #server;
  #bodyLimit;

  constructor(server, { bodyLimit }) {
    this.#server = server;
    this.#bodyLimit = bodyLimit;
    // A caller that ends its side wants no answer, but is told by one that user code has ended.
    server.httpAllowHalfOpen = true;
    server.on("connection", (socket) => socket.on("end", () => this.#callerLeft(socket)));
    server.on("request", (req, res) => this.#handle(req, res));
    server.on("checkContinue", (req, res) => this.#handle(req, res, () => res.writeContinue()));
    server.on("clientError", (error, socket) => refuseMalformed(error, socket));
  }

  /** Nothing new is admitted, and answers that have not begun say that they are their connection's last. */
  end() {
    this.#isEnding = true;
    for (const { res } of this.running) if (res !== undefined) res.shouldKeepAlive = false;
  }

  #handle(req, res, proceed = () => {}) {
    const refusal = this.#refuse(req.headers["x-fermi-key"]);
    if (refusal === undefined) {
      proceed();
      this.#invoke(req, res);
    } else if (req.headers["x-fermi-key"] === undefined) {
      proceed();
      this.#control(req, res, refusal);
    } else {
      answer(res, refusal);
    }
  }

  /** Why a request may not go to user code; undefined where it may. */
  #refuse(key) {
    // Whoever has a key means a function that this process, begun anew, knows nothing of: it may be sent elsewhere.
    if (this.#specialized === undefined) return key === undefined ? { status: 500, error: "not specialized" } : busy;
    if (!isSame(this.#specialized.key, key))
      return { status: 401, error: "this instance takes requests of its router only" };
    if (this.#isEnding) return { ...busy, headers: { ...busy.headers, connection: "close" } };
    return this.running.size >= this.#specialized.requestsPerInstance ? busy : undefined;
  }

  #invoke(req, res) {
    const invocation = this.#admit(req, res);
    void current.run(invocation, run, invocation, this.#handler);
  }

  #admit(req, res) {
    const release = (invocation) => this.running.delete(invocation);
    const invocation = new Invocation(req, res, this.#specialized, { bodyLimit: this.#bodyLimit, release });
    this.running.add(invocation);
    return invocation;
  }

  #callerLeft(socket) {
    for (const invocation of this.running) if (invocation.req?.socket === socket) invocation.callerLeft();
  }

  #control(req, res, refusal) {
    const path = req.url.split("?", 1)[0];
    if (req.method === "POST" && path === "/specialize") return void this.#specialize(req, res);
    if (path === "/-/healthz") return answer(res, { status: 200, body: { status: "ok" } });
    if (path === "/-/state") return answer(res, { status: 200, body: this.#describe() });
    answer(res, refusal);
  }

  #describe() {
    if (this.#specialized === undefined) return { state: "generic" };
    return { state: "specialized", functionId: this.#specialized.function.id, version: this.#specialized.version };
  }

  async #specialize(req, res) {
    if (this.#state !== "generic") return answer(res, { status: 409, error: `already ${this.#state}` });
    this.#state = "being specialized";
    try {
      const specialization = await readSpecialization(req);
      Object.assign(process.env, specialization.variables);
      this.#handler = await load(specialization.source, specialization.entrypoint);
      if (this.#handler.upgrade) this.#server.on("upgrade", (...upgrade) => this.#upgrade(...upgrade));
      this.#bodyLimit = specialization.bodyLimit ?? this.#bodyLimit;
      this.#specialized = specialization;
      this.#state = "specialized";
      answer(res, { status: 200, body: this.#describe() });
    } catch (error) {
      this.#refuseSpecialization(error, res);
    }
  }

  /** Code that failed to load may have left anything behind, so the instance takes no other. */
  #refuseSpecialization(error, res) {
    if (isBadRequest(error)) {
      this.#state = "generic";
      return answer(res, { status: 400, error: error.message });
    }
    this.#state = "spoilt by code that does not load";
    logError(error.detail ?? error.message);
    answer(res, { status: 422, body: { error: error.message, stack: error.detail ?? "" } });
  }

  #upgrade(req, socket, head) {
    const refusal = this.#refuse(req.headers["x-fermi-key"]);
    if (refusal !== undefined) return refuseUpgrade(socket, refusal);
    runUpgrade(this.#handler.upgrade, [req, socket, head], (invocation) => {
      this.running.add(invocation);
      return () => this.running.delete(invocation);
    });
  }
}

/** Takes as long wherever the two differ, so that its time tells nothing of the key. */
function isSame(key, given) {
  if (given?.length !== key.length) return false;
  let difference = 0;
  for (let at = 0; at < key.length; at += 1) difference |= key.charCodeAt(at) ^ given.charCodeAt(at);
  return difference === 0;
}

function answer(res, { status, error, headers, body = { error } }) {
  const text = Buffer.from(JSON.stringify(body));
  res.writeHead(status, { "content-type": "application/json", "content-length": text.length, ...headers }).end(text);
}

function refuseUpgrade(socket, { status, error, headers = {} }) {
  const body = JSON.stringify({ error });
  const lines = Object.entries({
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...headers,
    connection: "close",
  });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.on("error", () => {}).end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head}\r\n${body}`);
}

function refuseMalformed(error, socket) {
  if (error.code === "ECONNRESET" || !socket.writable) return socket.destroy();
  const status = error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
  refuseUpgrade(socket, { status, error: `malformed request: ${error.code ?? inspectError(error)}` });
}
