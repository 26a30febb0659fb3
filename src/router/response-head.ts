/** The function's response head, made fit for the client. Pure; lists are name, value, name, value. */
import { namedInConnection } from "./request-head.js";
import { isCorsHeader } from "./cors.js";

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

export interface HeadRules {
  /** The trigger has a CORS policy, so what the function says about CORS is dropped. */
  readonly dropCors: boolean;
  /** An answer that ends in a trailer can't say how long it is; and one to HEAD may travel as that to another method. */
  readonly dropLength: boolean;
}

/**
 * Without hop-by-hop headers, those that Connection names, and X-Fermi-*: only Fermi speaks there, so that a failure of
 * the platform and one of the function can always be told apart.
 */
export function responseHeaders(raw: readonly string[], { dropCors, dropLength }: HeadRules): string[] {
  const kept: string[] = [];
  let named: ReadonlySet<string> | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    const lower = name.toLowerCase();
    const value = raw[i + 1] as string;
    if (lower === "connection") named = namedInConnection(value.toLowerCase());
    if (hopByHop.has(lower) || lower.startsWith("x-fermi-")) continue;
    if ((dropCors && isCorsHeader(lower)) || (dropLength && lower === "content-length")) continue;
    kept.push(name, value);
  }
  return named === undefined ? kept : without(kept, named);
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

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!names.has(name.toLowerCase())) kept.push(name, headers[i + 1] as string);
  }
  return kept;
}
