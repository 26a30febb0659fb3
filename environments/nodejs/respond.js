/** Writes an answer of user code as an HTTP response, or throws before a byte was sent where it can't be one. */
import { kind } from "./errors.js";

/** Framing is this server's affair, and `X-Fermi-*` are the platform's own words. */
const ownHeaders = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export const isStream = (value) => isFunction(value?.getReader) || isFunction(value?.[Symbol.asyncIterator]);
const isFunction = (value) => typeof value === "function";

/**
 * `{source, start}`: what is wrong with the answer is thrown here. Without a source (null) `start()` sends it; with one,
 * `start(first)` sends the head, the first chunk that the caller has pulled, and the others; it rejects where one fails.
 */
export function prepare({ status, headers, body, isResponse }, res, method) {
  const code = status ?? (isResponse ? status : 200);
  if (!Number.isInteger(code) || code < 200 || code > 599) throw new TypeError(badStatus(status));
  for (const [name, value] of headerEntries(headers)) setHeader(res, name, value);
  const content = toContent(body);
  if (content.type !== null && !isResponse && !res.hasHeader("content-type"))
    res.setHeader("content-type", content.type);
  if (content.bytes === null) return stream(res, code, content.source);
  return { source: null, start: () => sendWhole(res, code, content.bytes, method) };
}

const hasNoBody = (code) => code === 204 || code === 205 || code === 304;

/** Unlike 204 and 304 a 205 has a body by its framing, so it must say that there is none (RFC 9110, 15.3.6). */
const saysItsLength = (code) => code !== 204 && code !== 304;

/** A length that user code announces counts only where there is no body to measure: in the answer to HEAD. */
function sendWhole(res, code, content, method) {
  const bytes = hasNoBody(code) ? empty : content;
  if (saysItsLength(code) && (method !== "HEAD" || content.length > 0)) res.setHeader("content-length", bytes.length);
  res.writeHead(code).end(bytes);
}

function stream(res, code, source) {
  if (hasNoBody(code) && saysItsLength(code)) res.setHeader("content-length", 0);
  // A length that user code announced is kept, and a body that is none of that length breaks off.
  res.strictContentLength = res.hasHeader("content-length");
  return { source, start: (first) => pump(source, res.writeHead(code), first) };
}

const badStatus = (status) =>
  `a status must be a whole number from 200 to 599, not ${typeof status === "number" ? status : kind(status)}; ` +
  "to answer with an object that has a status of its own, return { status: 200, body: object }";

function toContent(body) {
  if (body === undefined || body === null) return { bytes: empty, type: null };
  if (typeof body === "string") return { bytes: Buffer.from(body), type: "text/plain; charset=utf-8" };
  if (ArrayBuffer.isView(body)) return { bytes: bytesOf(body), type: octets };
  if (body instanceof ArrayBuffer) return { bytes: Buffer.from(body), type: octets };
  if (isStream(body)) return { bytes: null, source: toSource(body), type: octets };
  if (typeof body !== "object")
    throw new TypeError(`a body must be a string, bytes, an object or a stream; this one is ${kind(body)}`);
  return { bytes: Buffer.from(JSON.stringify(body) ?? ""), type: "application/json; charset=utf-8" };
}

const empty = Buffer.alloc(0);
const octets = "application/octet-stream";
const bytesOf = (view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

function headerEntries(headers) {
  if (headers === undefined || headers === null) return [];
  if (typeof headers !== "object") throw new TypeError(`headers must be an object, not ${kind(headers)}`);
  return isFunction(headers[Symbol.iterator]) ? headers : Object.entries(headers);
}

function setHeader(res, name, value) {
  const key = String(name).toLowerCase();
  if (ownHeaders.has(key) || key.startsWith("x-fermi-")) return;
  if (key === "content-length" && !/^\d+$/.test(String(value)))
    throw new TypeError("the header content-length is no number");
  const wrong = [value].flat().filter((one) => !isHeaderValue(one));
  if (wrong.length > 0)
    throw new TypeError(`the header ${name} must be text or a number, or a list of them, not ${kind(wrong[0])}`);
  const isRepeated = key === "set-cookie" && res.hasHeader(key);
  if (isRepeated) res.appendHeader(name, value);
  else res.setHeader(name, value);
}

const isHeaderValue = (value) => ["string", "number", "boolean", "bigint"].includes(typeof value);

/** `{next() → Promise of a chunk, or of undefined at the end, cancel()}` over web streams, Node's, and other iterables. */
function toSource(body) {
  if (isFunction(body.getReader)) {
    const reader = body.getReader();
    return { next: async () => toChunk(await reader.read()), cancel: quietly(() => reader.cancel()) };
  }
  const iterator = body[Symbol.asyncIterator]();
  if (isFunction(body.destroy)) return fromNodeStream(body, iterator);
  return { next: async () => toChunk(await iterator.next()), cancel: quietly(() => iterator.return?.()) };
}

/** A stream of Node's fails with a premature close where it was destroyed, which is no error where this has done it. */
function fromNodeStream(body, iterator) {
  let isCancelled = false;
  const next = async () => {
    try {
      return toChunk(await iterator.next());
    } catch (error) {
      if (isCancelled && error?.code === "ERR_STREAM_PREMATURE_CLOSE") return undefined;
      throw error;
    }
  };
  const cancel = quietly(() => {
    isCancelled = true;
    body.destroy();
  });
  return { next, cancel };
}

/** What a stream says when nobody wants it any more is no error. */
function quietly(cancel) {
  return () => void (async () => cancel())().catch(() => {});
}

function toChunk({ done, value }) {
  if (done) return undefined;
  if (typeof value === "string") return value;
  if (ArrayBuffer.isView(value)) return bytesOf(value);
  throw new TypeError(`a stream must give strings or bytes; this one gave one ${kind(value)}`);
}

/** Sends a stream to its end, at the caller's pace. */
async function pump(source, res, first) {
  if (res.req.method === "HEAD" || hasNoBody(res.statusCode)) return source.cancel();
  for (let chunk = first; chunk !== undefined && !res.destroyed; chunk = await source.next()) {
    if (!res.write(chunk) && !res.destroyed) await drained(res);
  }
}

function drained(res) {
  return new Promise((resolve) => {
    const go = () => {
      res.off("drain", go).off("close", go);
      resolve();
    };
    res.on("drain", go).on("close", go);
  });
}
