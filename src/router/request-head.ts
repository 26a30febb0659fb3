/**
 * A request's head, read once: what is refused before anything else happens, and which headers travel on.
 *
 * Framing is decided here from what the parser found, and never copied: a body goes on with the length announced or
 * chunked anew. Anything that two readers could understand differently is refused with 400.
 */
import type { IncomingMessage } from "node:http";
import { AppError } from "../errors/app-error.js";

export interface RequestHead {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  /** The target without the query. */
  readonly path: string;
  /** Of the target where that names one, else of the header. */
  readonly host: string | undefined;
  /** Headers that go on to the function as they are: name, value, name, value. Framing, Host and hop-by-hop are not in it. */
  readonly endToEnd: readonly string[];
  /** Bytes announced; null where the body is chunked; 0 also where there is none. */
  readonly contentLength: number | null;
  /** A length was announced, be it 0: some servers insist on one with POST. */
  readonly announcesLength: boolean;
  readonly expectsContinue: boolean;
  readonly origin: string | undefined;
}

const maxHeaders = 2000;

/** Headers of one connection only, and those that Fermi writes itself. */
const dropped = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
  "content-length",
  "forwarded",
  "x-real-ip",
  "traceparent",
]);

/** Prefixes of what only Fermi may say. */
const ownPrefix = /^x-(fermi|fission|forwarded)-/;

/** Throws BAD_REQUEST or HEADERS_TOO_LARGE. */
export function readHead(req: IncomingMessage): RequestHead {
  const { rawHeaders, headers } = req;
  if (rawHeaders.length > 2 * maxHeaders) {
    throw new AppError("HEADERS_TOO_LARGE", `A request may have ${maxHeaders} headers at most.`);
  }
  // A request line without a version is HTTP/0.9 to the parser, which has neither headers nor an end.
  if (req.httpVersionMajor !== 1) throw malformed("The only versions that are spoken here are HTTP/1.1 and HTTP/1.0.");
  const host = readHost(req);
  const { target, authority } = readTarget(req.url ?? "");
  const query = target.indexOf("?");
  return {
    method: req.method ?? "GET",
    target,
    path: query === -1 ? target : target.slice(0, query),
    host: authority ?? host,
    endToEnd: endToEndHeaders(rawHeaders, headers.connection),
    contentLength: readLength(req),
    announcesLength: headers["content-length"] !== undefined,
    // HTTP/1.0 knows no interim answers (RFC 9110, 10.1.1).
    expectsContinue: headers.expect !== undefined && req.httpVersionMinor >= 1,
    origin: headers.origin,
  };
}

export const malformed = (message: string): AppError => new AppError("BAD_REQUEST", message);

/**
 * A path, or the whole URL, as clients send it that take this for a proxy: then its host counts, not the header's (RFC 9112,
 * 3.2.2).
 */
function readTarget(target: string): { target: string; authority?: string } {
  if (target[0] === "/") return { target };
  const [, authority = "", rest = ""] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target) ?? [];
  if (authority === "" || !isHost(authority)) {
    throw malformed("The request target must be a path that starts with a slash, or an http URL.");
  }
  return { target: rest[0] === "/" ? rest : `/${rest}`, authority };
}

/** Nothing is in it that a name, an address or a port has not. */
const isHost = (text: string): boolean => /^[\w.~!$&'()*+,;=%:[\]-]*$/.test(text);

/** The one Host header; HTTP/1.0 may leave it out. */
function readHost(req: IncomingMessage): string | undefined {
  const { host } = req.headers;
  if (host === undefined) {
    if (req.httpVersion === "1.0") return undefined;
    throw malformed("The Host header is missing.");
  }
  if (!isHost(host)) throw malformed("The Host header is no valid host.");
  let count = 0;
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    if (req.rawHeaders[i]?.length === 4 && req.rawHeaders[i]?.toLowerCase() === "host") count++;
  }
  if (count !== 1) throw malformed("There must be one Host header.");
  return host;
}

function readLength(req: IncomingMessage): number | null {
  const { "transfer-encoding": coding, "content-length": length } = req.headers;
  if (coding === undefined) return length === undefined ? 0 : Number(length);
  if (length !== undefined) throw malformed("Content-Length and Transfer-Encoding exclude each other.");
  if (req.httpVersion === "1.0") throw malformed("HTTP/1.0 has no Transfer-Encoding.");
  if (coding.toLowerCase() !== "chunked") throw malformed("The only Transfer-Encoding there is here is chunked.");
  return null;
}

/** What is left of headers when those of the connection, those it names, and Fermi's own are taken out. */
export function endToEndHeaders(raw: readonly string[], connection: string | undefined): string[] {
  const named = connection === undefined ? undefined : namedInConnection(connection);
  const kept: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    const lower = name.toLowerCase();
    // Servers that speak CGI can't tell underscores from dashes.
    const dashed = lower.includes("_") ? lower.replaceAll("_", "-") : lower;
    if (dropped.has(dashed) || named?.has(lower) === true || (lower[0] === "x" && ownPrefix.test(dashed))) continue;
    kept.push(name, raw[i + 1] as string);
  }
  return kept;
}

/** The header names that a Connection header makes hop-by-hop; undefined in the usual case of none. */
export function namedInConnection(connection: string): ReadonlySet<string> | undefined {
  if (connection === "keep-alive" || connection === "close") return undefined;
  return new Set(connection.split(",").map((token) => token.trim().toLowerCase()));
}
