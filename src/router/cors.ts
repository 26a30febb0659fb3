/** What a trigger's CORS policy adds to answers. Pure; header lists are name, value, name, value. */
import type { CorsPolicy } from "../model/trigger.js";

const none: readonly string[] = [];

/** Headers of the answer to a preflight; without the origin being allowed none, and so the browser refuses. */
export function preflightHeaders(policy: CorsPolicy, origin: string, methods: readonly string[]): readonly string[] {
  const granted = grant(policy, origin);
  const vary = ["Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"];
  if (granted.length === 0) return vary;
  const allowed = policy.allowMethods.length > 0 ? policy.allowMethods : methods;
  const headers = [...vary, ...granted, "Access-Control-Allow-Methods", allowed.join(", ")];
  if (policy.allowHeaders.length > 0) headers.push("Access-Control-Allow-Headers", policy.allowHeaders.join(", "));
  headers.push("Access-Control-Max-Age", String(policy.maxAgeSeconds));
  return headers;
}

/** Headers of any other answer, errors of the platform included: a page must be able to read those too. */
export function corsHeaders(policy: CorsPolicy | null, origin: string | undefined): readonly string[] {
  if (policy === null) return none;
  if (origin === undefined) return ["Vary", "Origin"];
  const headers = ["Vary", "Origin", ...grant(policy, origin)];
  if (headers.length > 2 && policy.exposeHeaders.length > 0) {
    headers.push("Access-Control-Expose-Headers", policy.exposeHeaders.join(", "));
  }
  return headers;
}

/** The same, with response headers that the page must be able to read whatever the policy exposes. */
export function exposing(headers: readonly string[], names: readonly string[]): readonly string[] {
  if (!headers.includes("Access-Control-Allow-Origin")) return headers;
  const at = headers.indexOf("Access-Control-Expose-Headers");
  const own = names.join(", ");
  return at === -1
    ? [...headers, "Access-Control-Expose-Headers", own]
    : headers.with(at + 1, `${headers[at + 1] ?? ""}, ${own}`);
}

/** Headers of an answer that no single route gives, such as 405: by the first policy that lets the page read it. */
export function anyCorsHeaders(policies: readonly CorsPolicy[], origin: string | undefined): readonly string[] {
  const all = policies.map((policy) => corsHeaders(policy, origin));
  return all.find(({ length }) => length > 2) ?? all[0] ?? none;
}

/** Credentials go to origins named in the policy only: a star never makes every page of the world a trusted one. */
function grant(policy: CorsPolicy, origin: string): readonly string[] {
  if (policy.allowOrigins.includes(origin)) {
    const headers = ["Access-Control-Allow-Origin", origin];
    return policy.allowCredentials ? [...headers, "Access-Control-Allow-Credentials", "true"] : headers;
  }
  return policy.allowOrigins.includes("*") ? ["Access-Control-Allow-Origin", "*"] : none;
}

/** True for response headers that the policy owns: what the function says there itself is replaced. */
export const isCorsHeader = (lowerCaseName: string): boolean => lowerCaseName.startsWith("access-control-");
