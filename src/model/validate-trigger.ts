import { demand, firstFault, rule, wholeNumber, type Fault } from "./fault.js";
import type { HttpTriggerChange, NewCorsPolicy } from "./inputs.js";
import { isReservedPath, routePathProblem } from "./route-path.js";
import { label, labelFault } from "./validate-name.js";
import { headerName, httpMethods } from "./validate-request.js";

export const corsLimits = { entries: 100, maxAgeSeconds: [0, 86_400] } as const;

/** What is wrong with a new route or a change of one; fields that are absent pass. */
export function httpTriggerFault(input: Omit<HttpTriggerChange, "id">): Fault | undefined {
  const { function: functionName, methods, path, host, cors } = input;
  return (
    (functionName != null ? labelFault("function", functionName) : undefined) ??
    (methods != null ? methodsFault("methods", methods) : undefined) ??
    (path != null ? pathFault(path) : undefined) ??
    (host != null ? hostFault(host) : undefined) ??
    (cors != null ? corsFault(cors) : undefined)
  );
}

function methodsFault(field: string, methods: readonly string[]): Fault | undefined {
  const message = `must be one or more of ${httpMethods.join(", ")}, each once`;
  const areKnown = methods.every((method) => httpMethods.includes(method));
  return rule(areKnown && methods.length > 0 && new Set(methods).size === methods.length, field, message);
}

function pathFault(path: string): Fault | undefined {
  const problem = routePathProblem(path);
  if (problem !== undefined) return { field: "path", message: problem };
  return rule(!isReservedPath(path), "path", "must not be below /-/, which is Fermi's own");
}

const hostFault = (host: string): Fault | undefined =>
  rule(
    host.length <= 253 && host.split(".").every(label.holds),
    "host",
    "must be a host name in lower case without a port, such as api.example.com",
  );

function corsFault(cors: NewCorsPolicy): Fault | undefined {
  const { allowOrigins, allowMethods, allowHeaders, exposeHeaders, allowCredentials, maxAgeSeconds } = cors;
  const isAnyOrigin = allowOrigins.includes("*");
  return firstFault(
    rule(
      allowOrigins.length > 0 &&
        allowOrigins.length <= (isAnyOrigin ? 1 : corsLimits.entries) &&
        allowOrigins.every(isOrigin),
      "cors.allowOrigins",
      `must be '*' alone, or 1 to ${corsLimits.entries} origins in full, such as https://app.example.com; an origin can't have a '*' in it`,
    ),
    rule(
      !(isAnyOrigin && allowCredentials),
      "cors.allowCredentials",
      "must be false where cors.allowOrigins is '*': browsers refuse the two together",
    ),
    allowMethods != null && allowMethods.length > 0 ? methodsFault("cors.allowMethods", allowMethods) : undefined,
    headerNamesFault("cors.allowHeaders", allowHeaders ?? []),
    headerNamesFault("cors.exposeHeaders", exposeHeaders ?? []),
    demand("cors.maxAgeSeconds", maxAgeSeconds, wholeNumber(corsLimits.maxAgeSeconds)),
  );
}

/**
 * What a browser sends as Origin: scheme, host and perhaps port, in the form that a URL parser gives back. A parser takes a
 * star in a host, and no browser sends one.
 */
const isOrigin = (text: string): boolean =>
  text === "*" ||
  (text.length <= 512 && /^https?:\/\/[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text);

const headerNamesFault = (field: string, names: readonly string[]): Fault | undefined =>
  rule(
    names.length <= corsLimits.entries && names.every(headerName.holds),
    field,
    `must be at most ${corsLimits.entries} header names such as Content-Type`,
  );
