/** Writes an answer of user code as an HTTP response, or throws before a byte was sent where it can't be one. */
import { kind } from "./errors.js";
import { Fields } from "./fields.js";

export const isStream = (value) => isFunction(value?.getReader) || isFunction(value?.[Symbol.asyncIterator]);
const isFunction = (value) => typeof value === "function";

/**
 * `{source, start}`: what is wrong with the answer is thrown here. Without a source (null) its head is written, and
 * `start()` sends it; with one, `start(first)` sends the head, the first chunk that the caller has pulled, and the others;
 * it rejects where one fails.
 */
export function prepare({ status, headers, body, isResponse }, res) {
  const code = status ?? (isResponse ? status : 200);
  if (!Number.isInteger(code) || code < 200 || code > 599) throw new TypeError(badStatus(status));
  const fields = new Fields(headers);
  const content = toContent(body);
  if (content.type !== null && !isResponse && !fields.has("content-type")) fields.set("content-type", content.type);
  return content.source === null ? whole(res, code, fields, content) : stream(res, code, fields, content.source);
}

const hasNoBody = (code) => code === 204 || code === 205 || code === 304;

/** Unlike 204 and 304 a 205 has a body by its framing, so it must say that there is none (RFC 9110, 15.3.6). */
const saysItsLength = (code) => code !== 204 && code !== 304;

/** A length that user code announces counts only where there is no body to measure: in the answer to HEAD. */
function whole(res, code, fields, content) {
  const { data, length } = hasNoBody(code) ? nothing : content;
  if (saysItsLength(code) && (res.req.method !== "HEAD" || content.length > 0)) fields.set("content-length", length);
  res.writeHead(code, fields.list);
  return { source: null, start: () => void res.end(data, "latin1") };
}

function stream(res, code, fields, source) {
  if (hasNoBody(code) && saysItsLength(code)) fields.set("content-length", 0);
  // A length that user code announced is kept, and a body that is none of that length breaks off.
  res.strictContentLength = fields.has("content-length");
  return { source, start: (first) => pump(source, res.writeHead(code, fields.list), first) };
}

const badStatus = (status) =>
  `a status must be a whole number from 200 to 599, not ${typeof status === "number" ? status : kind(status)}; ` +
  "to answer with an object that has a status of its own, return { status: 200, body: object }";

/** `{type, data, length, source}`: either data, or a source of it (else null). */
function toContent(body) {
  if (body === undefined || body === null) return nothing;
  if (typeof body === "string") return ofText(body, "text/plain; charset=utf-8");
  if (ArrayBuffer.isView(body)) return ofBytes(bytesOf(body), octets);
  if (body instanceof ArrayBuffer) return ofBytes(Buffer.from(body), octets);
  if (isStream(body)) return { type: octets, data: "", length: 0, source: toSource(body) };
  if (typeof body !== "object")
    throw new TypeError(`a body must be a string, bytes, an object or a stream; this one is ${kind(body)}`);
  return ofText(JSON.stringify(body) ?? "", "application/json; charset=utf-8");
}

const nothing = { type: null, data: "", length: 0, source: null };
const octets = "application/octet-stream";
const bytesOf = (view) => Buffer.from(view.buffer, view.byteOffset, view.byteLength);
const ofBytes = (data, type) => ({ type, data, length: data.length, source: null });

/** ASCII stays a string: Node puts it behind the head, which is Latin-1, and writes both at once. */
function ofText(text, type) {
  const length = Buffer.byteLength(text);
  return length === text.length ? { type, data: text, length, source: null } : ofBytes(Buffer.from(text), type);
}

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
