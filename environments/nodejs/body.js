/** Request bodies as Fission's Node environment gives them: JSON, form and text parsed, anything else as a Buffer. */
import { RequestError } from "./errors.js";
import { parseFields } from "./query.js";

export const hasBody = ({ headers }) =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

/** The whole body, at most `limit` bytes; rejects with a RequestError beyond, or where the caller goes away. */
export function readBody(req, limit) {
  const announced = Number(req.headers["content-length"] ?? 0);
  if (announced > limit) return Promise.reject(tooLarge(limit));
  return new Promise((resolve, reject) => {
    const chunks = [];
    let size = 0;
    req.on("data", (chunk) => {
      size += chunk.length;
      if (size <= limit) return chunks.push(chunk);
      req.removeAllListeners("data").resume();
      reject(tooLarge(limit));
    });
    req.on("end", () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size)));
    req.on("error", () => reject(new RequestError(400, "the request's body broke off")));
  });
}

const tooLarge = (limit) => new RequestError(413, `the request's body is over the limit of ${limit} bytes`);

/** What `context.request.body` is; an empty object where there is no body, as in Fission. */
export function parseBody(bytes, contentType = "") {
  if (bytes.length === 0) return {};
  const type = contentType.split(";", 1)[0].trim().toLowerCase();
  if (type === "application/json" || type.endsWith("+json")) return parseJson(bytes, contentType);
  if (type === "application/x-www-form-urlencoded") return parseFields(decode(bytes, contentType));
  if (type.startsWith("text/")) return decode(bytes, contentType);
  return bytes;
}

function parseJson(bytes, contentType) {
  try {
    return JSON.parse(decode(bytes, contentType));
  } catch (error) {
    throw new RequestError(400, `the request's body is not the JSON that its Content-Type promises: ${error.message}`);
  }
}

function decode(bytes, contentType) {
  const [, charset = "utf-8"] = /;\s*charset="?([^\s";]+)/i.exec(contentType) ?? [];
  if (/^utf-?8$/i.test(charset)) return bytes.toString("utf8");
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    throw new RequestError(415, `the request's charset ${JSON.stringify(charset)} is not known`);
  }
}
