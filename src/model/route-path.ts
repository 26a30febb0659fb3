const urlCharacters = /^[A-Za-z0-9._~!$&'()+,;=:@%-]+$/;
const halfEscape = /%(?![0-9A-Fa-f]{2})/;
const parameter = /^\{([A-Za-z_][A-Za-z0-9_]{0,63})\}$/;

/**
 * What is wrong with the text as a route's path; undefined where it is one: literal segments, whole segments `{name}`, and
 * perhaps a last `*` for the subtree.
 */
export function routePathProblem(path: string): string | undefined {
  if (!path.startsWith("/")) return "must begin with '/'";
  if (path.length > 1_024) return "must be at most 1024 characters";
  if (/[?#]/.test(path)) return "must be a path alone, without '?' or '#' and what follows them";
  const segments = path.slice(1).split("/");
  const last = segments.at(-1);
  const inner = last === "*" || last === "" ? segments.slice(0, -1) : segments;
  const problem = inner.map(segmentProblem).find((found) => found !== undefined);
  if (problem !== undefined) return problem;
  return areUnique(parametersOf(path)) ? undefined : "must name each parameter once";
}

/** Fermi's own prefix on the router's port. */
export const isReservedPath = (path: string): boolean => path === "/-" || path.startsWith("/-/");

export const parametersOf = (path: string): string[] =>
  path.split("/").flatMap((segment) => parameter.exec(segment)?.[1] ?? []);

/** The same for paths that match the same requests: parameters without their names, escapes in one letter case. */
export const pathShape = (path: string): string =>
  path
    .split("/")
    .map((segment) => (parameter.test(segment) ? "{}" : withUpperCaseEscapes(segment)))
    .join("/");

/** Escapes mean the same in either letter case (RFC 3986, 6.2.2.1), and browsers send them in upper case. */
export const withUpperCaseEscapes = (path: string): string =>
  path.includes("%") ? path.replace(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase()) : path;

/** Clients resolve '.' and '..' before they send, so a route with one could never be called. */
function segmentProblem(segment: string): string | undefined {
  if (parameter.test(segment)) return undefined;
  if (segment === "") return "must have no empty segment, as '//' makes one";
  if (segment === "." || segment === "..") return "must not have '.' or '..' as a segment: clients resolve them";
  if (segment.includes("*")) return "must have '*' only as its last segment, as in /files/*";
  if (/^\{[^{}]*\}$/.test(segment))
    return "must name parameters with at most 64 letters, digits and '_', not beginning with a digit, as in /users/{id}";
  if (/[{}]/.test(segment)) return "must have parameters as whole segments, as in /users/{id}";
  if (halfEscape.test(segment)) return "must have two hexadecimal digits after each '%'";
  return urlCharacters.test(segment) ? undefined : "must have URL characters only, others percent-encoded";
}

const areUnique = (texts: readonly string[]): boolean => new Set(texts).size === texts.length;
