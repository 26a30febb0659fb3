/** The grammars that a pattern alone can't say. Pure; the rules give them messages. */

export const sourceBytesMax = 256 * 1024;
export const methodNames: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const registry = /^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+|[a-z0-9-]+(?=:))(:\d{1,5})?$/i;
const imagePart = /^[a-z0-9]+([._-]+[a-z0-9]+)*$/;
const imageTag = /^\w[\w.-]{0,127}$/;
const imageDigest = /^[a-z0-9]+:[0-9a-f]{32,128}$/;

/** [registry[:port]/]path[:tag][@digest], as container tools take it. */
export function isImageReference(value: string): boolean {
  if (value.length > 512) return false;
  const [name = "", digest, ...more] = value.split("@");
  if (more.length > 0 || (digest !== undefined && !imageDigest.test(digest))) return false;
  const parts = name.split("/");
  const [last = "", tag, ...rest] = (parts.pop() ?? "").split(":");
  if (rest.length > 0 || (tag !== undefined && !imageTag.test(tag))) return false;
  if (parts.length > 0 && registry.test(parts[0] ?? "")) parts.shift();
  return [...parts, last].every((part) => imagePart.test(part));
}

const pathSegment = /^([\w.~!$&'()+,;=:@-]|%[0-9a-fA-F]{2})+$/;
const pathParameter = /^\{([A-Za-z_][A-Za-z0-9_]{0,63})\}$/;

/** A route: literal segments, whole-segment parameters, and perhaps a subtree at the end. */
export function isRoutePath(value: string): boolean {
  if (!value.startsWith("/") || value.length > 1024 || value === "/-" || value.startsWith("/-/")) return false;
  const segments = value.slice(1).split("/");
  const last = segments.pop();
  const body = last === "*" || last === "" ? segments : [...segments, last ?? ""];
  const names = body.flatMap((segment) => pathParameter.exec(segment)?.[1] ?? []);
  return new Set(names).size === names.length && body.every(isRouteSegment);
}

/** Clients resolve '.' and '..' before they send, so a route with one could never be reached. */
const isRouteSegment = (segment: string): boolean =>
  segment !== "." && segment !== ".." && (pathSegment.test(segment) || pathParameter.test(segment));

/** A DNS name or an IPv4 address, lower case, no port. */
export const isHostName = (value: string): boolean =>
  value.length <= 253 && value.split(".").every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));

/** What a browser sends as Origin, or '*'. */
export const isCorsOrigin = (value: string): boolean =>
  value === "*" || (value.length <= 512 && /^https?:\/\/[^/?#@\s]+$/.test(value) && URL.canParse(value));

export const isHeaderText = (value: string): boolean => /^[\t\x20-\x7e\x80-\xff]{0,8192}$/.test(value);
