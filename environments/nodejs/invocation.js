/** One request on its way through user code: it holds a slot from its admission until it is answered. */
import { hasBody, parseBody, readBody } from "./body.js";
import { beforeUserCode, depart } from "./departures.js";
import { headerText, inspectError, isA, oneLine, RequestError } from "./errors.js";
import { current, finish, logError, PartialLines } from "./logs.js";
import { prepare } from "./respond.js";
import { parseQuery } from "./query.js";
import { takeToken } from "./token.js";
import { WebBody } from "./web-body.js";

export class Invocation {
  /** In the list of those that run. */
  place = 0;
  partial = new PartialLines();
  isAnswered = false;
  isReleased = false;
  /** Whether the handler has settled: what it does wrong from then on is not the answer any more. */
  hasSettled = false;
  #isRunning = false;
  #hasCallerLeft = false;
  #source;
  #webBody;
  #abort;
  #release;

  constructor(req, res, specialized, { bodyLimit, release }) {
    const { headers } = req;
    this.id = headers["x-fermi-invocation-id"];
    this.logTag = headers["x-fermi-log-tag"];
    delete headers["x-fermi-key"];
    if (this.logTag !== undefined) delete headers["x-fermi-log-tag"];
    takeToken(headers);
    this.req = req;
    this.res = res;
    this.specialized = specialized;
    this.bodyLimit = bodyLimit;
    this.#release = release;
    res.on("close", () => this.#closed());
  }

  /** Calls the handler and answers with what it gives, or with 500 and the reason. Never rejects. */
  async run(handler) {
    this.#isRunning = true;
    beforeUserCode();
    try {
      const outcome = await handler.call(this);
      this.hasSettled = true;
      const sending = this.#answer(handler.toAnswer(outcome));
      if (sending !== undefined) await sending;
    } catch (error) {
      this.#isRunning = false;
      this.fail(error);
    }
  }

  /** The signal of `context`, made when it is first asked for. */
  get signal() {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#hasCallerLeft || (this.res.closed && !this.res.writableFinished)) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  context(body) {
    return new Context(this, body);
  }

  needsBody() {
    return hasBody(this.req);
  }

  async readBody() {
    const bytes = await readBody(this.req, this.bodyLimit);
    return parseBody(bytes, this.req.headers["content-type"]);
  }

  webRequest() {
    const { req } = this;
    const { headers, method, url } = req;
    const init = { method, headers: webHeaders(headers), signal: this.signal };
    if (hasBody(req) && method !== "GET" && method !== "HEAD") {
      this.#webBody = new WebBody(req);
      Object.assign(init, { body: this.#webBody.stream, duplex: "half" });
    }
    return new Request(origin(headers) + (url.startsWith("/") ? url : "/"), init);
  }

  /** Answers 500 with the reason, or breaks the connection off where the answer has begun; logs the error either way. */
  fail(error) {
    if (isA(RequestError, error)) return this.#refuse(error);
    current.run(this, () => logError(inspectError(error)));
    if (this.isAnswered || this.res.destroyed) return this.#breakOff();
    const reason = oneLine(error);
    this.isAnswered = true;
    this.#send(500, { "x-fermi-function-error": headerText(reason) }, reason);
  }

  /** An error after the answer: nobody but the log can be told. */
  logLate(error) {
    current.run(this, () => logError(inspectError(error)));
  }

  /** A promise where it is a stream: resolves when that was sent. Anything else is on its way. */
  #answer(answer) {
    if (this.isAnswered) return undefined;
    const { source, start } = prepare(answer, this.res);
    if (source !== null) return this.#stream(source, start);
    this.#isRunning = false;
    this.release();
    if (this.res.destroyed) return undefined;
    this.isAnswered = true;
    depart(start);
    return undefined;
  }

  /** The first chunk is pulled before the head is sent: what fails until then is answered 500, as any other error is. */
  async #stream(source, start) {
    const { res } = this;
    this.#source = source;
    if (this.#isUnwanted) source.cancel();
    else res.once("close", () => current.run(this, source.cancel));
    const first = this.#isUnwanted ? undefined : await source.next();
    this.#isRunning = false;
    if (this.#hasCallerLeft) res.destroy();
    if (res.destroyed) return this.release();
    if (this.isAnswered) return;
    this.isAnswered = true;
    await start(first);
    this.release();
    res.end();
  }

  /** What is still to come of the body is read and dropped: to close the connection now would take the answer along. */
  #refuse({ status, message }) {
    if (this.isAnswered || this.res.destroyed) return this.release();
    this.isAnswered = true;
    this.#send(status, {}, message);
  }

  #send(status, headers, error) {
    this.release();
    const body = Buffer.from(JSON.stringify({ error }));
    const type = { "content-type": "application/json", "content-length": body.length };
    this.res.writeHead(status, { ...type, ...headers }).end(body);
  }

  #breakOff() {
    this.release();
    if (!this.res.writableEnded) this.res.destroy();
  }

  /** Nobody waits for the answer. Before its head user code is told, and runs to its end; after it nothing more is sent. */
  callerLeft() {
    if (this.isAnswered) return void this.res.destroy();
    this.#hasCallerLeft = true;
    // What listeners print is the invocation's.
    current.run(this, () => {
      this.#abort?.abort();
      this.#source?.cancel();
    });
  }

  get #isUnwanted() {
    return this.#hasCallerLeft || this.res.destroyed;
  }

  #closed() {
    // Listeners run in the context of who aborts, and what they print is the invocation's.
    if (this.res.writableFinished) this.#webBody?.leave();
    else if (this.#abort !== undefined) current.run(this, () => this.#abort.abort());
    // User code can't be stopped by closing a socket: while it runs, it holds its slot.
    if (!this.#isRunning) this.release();
  }

  /** Gives the slot back, before the answer's last byte, so that its reader may send the next request at once. */
  release() {
    if (this.isReleased) return;
    this.isReleased = true;
    finish(this);
    this.#release(this);
  }
}

/** What user code gets. A class, so that its signal costs nothing unless asked for. */
class Context {
  #invocation;

  constructor(invocation, body) {
    const { req, id, specialized } = invocation;
    this.#invocation = invocation;
    this.invocationId = id;
    this.function = specialized.function;
    this.version = specialized.version;
    if (body === undefined) return;
    const { method, url, headers } = req;
    this.request = { method, url, path: pathOf(url), headers, query: parseQuery(url), body };
  }

  /** Aborts when the caller has gone. */
  get signal() {
    return this.#invocation.signal;
  }
}

function pathOf(url) {
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}

/** What the caller called, as far as the headers tell. */
function origin(headers) {
  const scheme = headers["x-forwarded-proto"] === "https" ? "https" : "http";
  const called = `${scheme}://${headers["x-forwarded-host"] ?? headers.host}`;
  return URL.canParse(called) ? called : "http://localhost";
}

function webHeaders(headers) {
  return Object.entries(headers).flatMap(([name, value]) =>
    Array.isArray(value) ? value.map((one) => [name, one]) : [[name, value]],
  );
}
