/**
 * Reads requests from bytes as strictly as they can be read. Whatever a server could understand in two ways, or what comes
 * before the last request was read whole, is an anomaly: what stands in front of functions must never send it.
 */
const keptBytes = 128 * 1024;
const requestLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~\x80-\xff]+) HTTP\/1\.1$/;
const headerLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/;
const single = /^(host|content-length|transfer-encoding|x-fermi-.*)$/;

export class RequestReader {
  #buffer = Buffer.alloc(0);
  /** What is read next. */
  #next = this.#readHead;
  #request;
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0;
  #kept = [];

  /** `onHead` gets a request when its head is read, `onRequest` when all of it is; `onAnomaly` a line, once. */
  constructor(handlers) {
    this.handlers = handlers;
  }

  push(chunk) {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    try {
      while (this.#next());
    } catch (error) {
      this.#next = () => false;
      this.handlers.onAnomaly(error.message);
    }
  }

  // Each step returns whether it had all that it reads.

  #readHead() {
    const head = this.#takeThrough("\r\n\r\n");
    if (head === undefined) return false;
    const [first, ...lines] = head.split("\r\n");
    const [, method, target] = requestLine.exec(first) ?? fail(`a request line: ${first}`);
    const headers = readHeaders(lines);
    const { "content-length": length = "0", "transfer-encoding": coding } = headers;
    if (coding !== undefined && coding !== "chunked") fail(`a transfer coding: ${coding}`);
    if (coding !== undefined && headers["content-length"] !== undefined) fail("two framings");
    if (!/^\d+$/.test(length)) fail(`a length: ${length}`);
    this.#request = { method, target, headers, bytes: 0 };
    this.#left = Number(length);
    this.#next = coding === undefined ? this.#readBody : this.#readChunkSize;
    this.handlers.onHead(this.#request);
    return true;
  }

  #readBody() {
    return this.#readBytes() && this.#end();
  }

  #readChunkSize() {
    const line = this.#takeThrough("\r\n");
    if (line === undefined) return false;
    if (!/^[0-9a-fA-F]{1,8}$/.test(line)) fail(`a chunk's size: ${line}`);
    this.#left = parseInt(line, 16);
    this.#next = this.#left === 0 ? this.#readLastEnd : this.#readChunk;
    return true;
  }

  #readChunk() {
    if (!this.#readBytes()) return false;
    this.#next = this.#readChunkEnd;
    return true;
  }

  #readChunkEnd() {
    const rest = this.#takeThrough("\r\n");
    if (rest === undefined) return false;
    if (rest !== "") fail("a chunk that is longer than its size");
    this.#next = this.#readChunkSize;
    return true;
  }

  #readLastEnd() {
    const trailers = this.#takeThrough("\r\n");
    if (trailers === undefined) return false;
    if (trailers !== "") fail(`trailers: ${trailers}`);
    return this.#end();
  }

  #readBytes() {
    const some = this.#take(Math.min(this.#left, this.#buffer.length));
    this.#left -= some.length;
    this.#request.bytes += some.length;
    if (this.#request.bytes <= keptBytes) this.#kept.push(some);
    return this.#left === 0;
  }

  #end() {
    const request = this.#request;
    request.body = Buffer.concat(this.#kept).toString("latin1");
    this.#kept = [];
    this.#next = this.#readHead;
    if (this.#buffer.length > 0) fail(`bytes behind a request: ${this.#buffer.toString("latin1").slice(0, 200)}`);
    this.handlers.onRequest(request);
    return false;
  }

  /** All before the mark as text, and the mark taken too; undefined where it is not there yet. */
  #takeThrough(mark) {
    const at = this.#buffer.indexOf(mark);
    return at === -1
      ? undefined
      : this.#take(at + mark.length)
          .toString("latin1")
          .slice(0, at);
  }

  #take(count) {
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }
}

/** By names in lower case. Of those that frame a request, or that Fermi sends, there may be one only. */
function readHeaders(lines) {
  const headers = {};
  for (const line of lines) {
    const [, name, value] = headerLine.exec(line) ?? fail(`a header: ${line}`);
    const lower = name.toLowerCase();
    if (single.test(lower) && headers[lower] !== undefined) fail(`two headers ${lower}`);
    headers[lower] = value;
  }
  if (headers.host === undefined) fail("no host");
  return headers;
}

function fail(what) {
  throw new Error(what);
}
