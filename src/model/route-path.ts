const literal = /^([A-Za-z0-9._~!$&'()+,;=:@-]|%[0-9A-Fa-f]{2})+$/;
const parameter = /^\{([A-Za-z_][A-Za-z0-9_]{0,63})\}$/;

/**
 * Whether the text is a route's path: literal segments, whole segments `{name}`, and perhaps a last `*` for the subtree.
 * Clients resolve '.' and '..' before they send, so a route with one could never be called.
 */
export function isRoutePath(path: string): boolean {
  if (!path.startsWith("/") || path.length > 1_024) return false;
  const segments = path.slice(1).split("/");
  const last = segments.at(-1);
  const inner = last === "*" || last === "" ? segments.slice(0, -1) : segments;
  return inner.every(isSegment) && areUnique(parametersOf(path));
}

/** Fermi's own prefix on the router's port. */
export const isReservedPath = (path: string): boolean => path === "/-" || path.startsWith("/-/");

export const parametersOf = (path: string): string[] =>
  path.split("/").flatMap((segment) => parameter.exec(segment)?.[1] ?? []);

/** The same for paths that match the same requests: parameters without their names, escapes in one letter case. */
export const pathShape = (path: string): string =>
  path
    .split("/")
    .map((segment) => (parameter.test(segment) ? "{}" : segment.replace(/%[0-9a-f]{2}/gi, (hex) => hex.toUpperCase())))
    .join("/");

const isSegment = (segment: string): boolean =>
  segment !== "." && segment !== ".." && (literal.test(segment) || parameter.test(segment));

const areUnique = (texts: readonly string[]): boolean => new Set(texts).size === texts.length;
