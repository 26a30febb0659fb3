/** The function's response head, made fit for the client. Pure; lists are name, value, name, value. */
import { namedInConnection } from "./request-head.js";

/** Of one connection only. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Without hop-by-hop headers, those that Connection names, and X-Fermi-*: only Fermi speaks there, so that a failure of
 * the platform and one of the function can always be told apart. Trailer announces what only a chunked answer has: Node
 * throws where another one carries it.
 */
export function endToEndOfAnswer(raw: readonly string[], isChunked: boolean): readonly string[] {
  const kept: string[] = [];
  let named: ReadonlySet<string> | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    const lower = name.toLowerCase();
    const value = raw[i + 1] as string;
    if (lower === "connection") named = namedInConnection(value.toLowerCase());
    if (hopByHop.has(lower) || lower.startsWith("x-fermi-") || (lower === "trailer" && !isChunked)) continue;
    kept.push(name, value);
  }
  return named === undefined ? kept : without(kept, (name) => named.has(name));
}

/** What the runtime says of user code that failed: percent-encoded in the header, one line here. */
export function functionError(raw: readonly string[]): string | null {
  const encoded = headerValue(raw, "x-fermi-function-error");
  if (encoded === undefined) return null;
  try {
    return decodeURIComponent(encoded).replace(/\s+/g, " ").slice(0, 300);
  } catch {
    return null;
  }
}

/** The value of one header, in a raw list. */
export function headerValue(raw: readonly string[], lowerCaseName: string): string | undefined {
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.length === lowerCaseName.length && name.toLowerCase() === lowerCaseName) return raw[i + 1];
  }
  return undefined;
}

/** Framing and routing must not come after the body. */
const neverTrailers = new Set([...hopByHop, "content-length", "host", "trailer", "content-encoding", "content-type"]);

/** Trailers as Node takes them: pairs. */
export function trailerPairs(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    const lower = name.toLowerCase();
    if (!neverTrailers.has(lower) && !lower.startsWith("x-fermi-")) pairs.push([name, raw[i + 1] as string]);
  }
  return pairs;
}

/** Asks with names in lower case. */
export function without(headers: readonly string[], isDropped: (lowerCaseName: string) => boolean): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!isDropped(name.toLowerCase())) kept.push(name, headers[i + 1] as string);
  }
  return kept;
}
