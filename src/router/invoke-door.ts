/**
 * `/-/invoke`: the one door through which API and triggers call functions, so that every invocation takes the same way
 * and is counted once. It opens to who has the installation's secret; to who does not even try it is not there.
 */
import { validateHeaderName, validateHeaderValue, type IncomingMessage } from "node:http";
import { internalAuthHeader, type InternalAuth } from "../auth/internal-auth.js";
import { AppError } from "../errors/app-error.js";
import type { TakenRoute } from "../model/async-invocation.js";
import { invocationSources, type InvocationSource } from "../model/invocation.js";
import { isId } from "../model/validate-name.js";
import type { CallPlan } from "./call.js";
import { createCallee, type Callee } from "./callee.js";
import { traceparent } from "./function-headers.js";
import { HeaderLines } from "./header-lines.js";
import { endToEndHeaders, malformed } from "./request-head.js";
import type { RouteTable } from "./route-table.js";

/** What the header X-Fermi-Invoke says. */
interface Invoke {
  readonly functionId: string;
  /** Null is the current one. */
  readonly version: number | null;
  readonly method: string;
  readonly path: string;
  readonly source: InvocationSource;
  readonly triggerId: string | null;
  readonly headers: readonly (readonly [string, string])[];
  /** Fermi's own words about the call. */
  readonly ownHeaders?: readonly (readonly [string, string])[];
  /** Given: the attempt of an invocation that its caller records. */
  readonly invocationId?: string;
  /** How its request came by a route, where it did. */
  readonly route?: TakenRoute | null;
}

export class InvokeDoor {
  constructor(private readonly auth: Pick<InternalAuth, "verify">) {}

  /** False where the request does not even claim to come from inside; throws UNAUTHENTICATED where it can't prove it. */
  isOpenTo(req: IncomingMessage): boolean {
    const header = req.headers[internalAuthHeader];
    if (header === undefined) return false;
    const { method = "", url = "", headers } = req;
    this.auth.verify(header, { method, path: url, content: String(headers["x-fermi-invoke"] ?? "") });
    return true;
  }

  /** Throws BAD_REQUEST where X-Fermi-Invoke makes no sense, NOT_FOUND where the function is unknown. */
  plan(table: RouteTable, req: IncomingMessage, freshId: string): { plan: CallPlan; invocationId: string } {
    const invoke = readInvoke(String(req.headers["x-fermi-invoke"] ?? ""));
    const invocationId = invoke.invocationId ?? freshId;
    const raw = invoke.headers.flat();
    const named = new Map(invoke.headers.map(([name, value]) => [name.toLowerCase(), value]));
    const trace = traceparent(
      { traceparent: named.get("traceparent") ?? single(req.headers["traceparent"]) },
      invocationId,
    );
    const plan: CallPlan = {
      callee: findCallee(table, invoke),
      ...takenRoute(invoke.route ?? null),
      source: invoke.source,
      triggerId: invoke.triggerId,
      method: invoke.method,
      target: invoke.path,
      headers: [
        new HeaderLines([
          // Those of a route's request were looked through when it came.
          ...(invoke.route
            ? raw
            : [
                "Host",
                named.get("host") ?? "localhost",
                "traceparent",
                trace,
                ...endToEndHeaders(raw, named.get("connection")),
              ]),
          ...(invoke.ownHeaders ?? []).flat(),
        ]),
      ],
      answerHeaders: [],
      ownsCors: false,
      mode: "SYNC",
      isInternal: true,
      isRecorded: invoke.invocationId === undefined,
      endsWithCaller: invoke.invocationId !== undefined,
    };
    return { plan, invocationId };
  }
}

/** As it was when the request came; what has become of the route since makes no difference to it. */
const takenRoute = (route: TakenRoute | null): Pick<CallPlan, "route" | "values"> =>
  route === null
    ? { route: null, values: [] }
    : { route: { ...route, trigger: { name: route.trigger } }, values: route.values };

const single = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

function findCallee(table: RouteTable, { functionId, version }: Invoke): Callee {
  const callee = table.callees.get(functionId);
  if (callee === undefined) throw new AppError("NOT_FOUND", "There is no such function.");
  return version === null || version === callee.target.version ? callee : createCallee(callee.fn, version);
}

function readInvoke(header: string): Invoke {
  let value: Partial<Invoke>;
  try {
    value = Object(JSON.parse(Buffer.from(header, "base64url").toString("utf8"))) as Partial<Invoke>;
  } catch (cause) {
    throw new AppError("BAD_REQUEST", "X-Fermi-Invoke is no base64url JSON.", { cause });
  }
  const problem = problemOf(value);
  if (problem !== undefined) throw malformed(`X-Fermi-Invoke: ${problem}.`);
  return value as Invoke;
}

/** What each part must be, and how to say that it is not. */
const rules: readonly (readonly [(invoke: Partial<Invoke>) => boolean, string])[] = [
  [({ functionId }) => typeof functionId === "string", "functionId must be text"],
  [
    ({ version }) => version === null || (Number.isInteger(version) && Number(version) > 0),
    "version must be a number or null",
  ],
  [({ method }) => /^(?!CONNECT$)[A-Z]{1,20}$/.test(String(method)), "method is none"],
  [({ path }) => /^\/[\x21-\x7e]*$/.test(String(path)), "path must start with a slash and be encoded"],
  [({ source }) => source !== undefined && invocationSources.includes(source), "source is none"],
  [({ triggerId }) => triggerId === null || typeof triggerId === "string", "triggerId must be text or null"],
  [({ invocationId }) => invocationId === undefined || isId(invocationId), "invocationId must be a UUID"],
  [({ route }) => route === undefined || route === null || isTakenRoute(route), "route is none"],
  [({ headers }) => Array.isArray(headers) && headers.every(isHeader), "headers must be pairs of name and value"],
  [
    ({ ownHeaders = [] }) => Array.isArray(ownHeaders) && ownHeaders.every(isOwnHeader),
    "ownHeaders must be X-Fermi- headers that are not the router's to say",
  ],
];

const problemOf = (invoke: Partial<Invoke>): string | undefined => rules.find(([holds]) => !holds(invoke))?.[1];

/** What the router tells every instance itself. */
const routersOwn = /^x-fermi-(invocation-id|key|log-tag|token|function|function-version)$/;

/** What functions written for Fission look for. */
const fissions = /^x-fission-mqtrigger-(topic|resptopic|errortopic)$/i;

function isOwnHeader(pair: unknown): boolean {
  if (!isHeader(pair)) return false;
  const [name = ""] = pair as string[];
  return (/^x-fermi-[a-z-]+$/i.test(name) && !routersOwn.test(name.toLowerCase())) || fissions.test(name);
}

const isTakenRoute = ({ trigger, parameters, values, subtreeDepth }: TakenRoute): boolean =>
  typeof trigger === "string" &&
  [parameters, values].every((texts) => Array.isArray(texts) && texts.every((text) => typeof text === "string")) &&
  (subtreeDepth === null || Number.isInteger(subtreeDepth));

function isHeader(pair: unknown): boolean {
  if (!Array.isArray(pair) || pair.length !== 2) return false;
  try {
    validateHeaderName(String(pair[0]));
    validateHeaderValue(String(pair[0]), String(pair[1]));
    return pair.every((part) => typeof part === "string");
  } catch {
    return false;
  }
}
