/**
 * The forms in which user code may be written, brought to one: a function of the invocation that resolves with the
 * answer. Nothing here touches HTTP.
 */
import { kind, LoadError } from "./errors.js";
import { isStream } from "./respond.js";

/** Answers that stand for a whole response have these keys, and `status` or no other. */
const answerKeys = new Set(["status", "body", "headers"]);

/**
 * `{call, toAnswer, upgrade}` of what a module exports: `call(invocation)` gives what user code does, or a promise of it,
 * and `toAnswer` makes that an answer. Throws a LoadError where the module exports no handler.
 */
export function toHandler({ namespace, isCommonJs }, entrypoint) {
  const exported = pick(namespace, isCommonJs, entrypoint);
  const upgrade = [namespace?.upgrade, exported.upgrade, namespace?.default?.upgrade].find(isFunction);
  if (upgrade !== undefined && isOnly(exported, upgrade)) return { ...upgradesOnly, upgrade };
  if (isFunction(exported.fetch)) return { ...webForm(exported), upgrade };
  if (!isFunction(exported)) throw new LoadError(notAFunction(entrypoint, exported));
  return { ...(exported.length >= 2 ? callbackForm(exported) : contextForm(exported)), upgrade };
}

const isFunction = (value) => typeof value === "function";
const isHandler = (value) => isFunction(value) || isFunction(value?.fetch);
/** Whether that is all there is: nothing takes plain requests. */
const isOnly = (exported, upgrade) => exported === upgrade || (!isHandler(exported) && exported.upgrade === upgrade);

function pick(namespace, isCommonJs, entrypoint) {
  if (entrypoint !== null && entrypoint !== undefined) {
    return pickNamed(namespace, entrypoint);
  }
  const main = isCommonJs && isHandler(namespace) ? namespace : namespace?.default;
  if (main !== undefined && main !== null) return main;
  const { upgrade, ...others } = namespace ?? {};
  const handlers = Object.values(others).filter(isHandler);
  if (handlers.length === 1) return handlers[0];
  if (handlers.length === 0 && isFunction(upgrade)) return upgrade;
  throw new LoadError(`the code has no default export; ${whatThereIs(namespace)}`);
}

function pickNamed(namespace, entrypoint) {
  const named = member(namespace, entrypoint) ?? member(namespace?.default, entrypoint);
  if (named !== undefined && named !== null) return named;
  throw new LoadError(`the code exports no ${entrypoint}; ${whatThereIs(namespace)}`);
}

/** What an object has of its own or by its class; not what every object has. */
function member(object, name) {
  const value = object?.[name];
  return value === Object.prototype[name] ? undefined : value;
}

function whatThereIs(namespace) {
  const isNoModule = namespace === null || !["object", "undefined"].includes(typeof namespace);
  if (isNoModule) return `what it exports is ${kind(namespace)}, and no function`;
  const names = Object.keys(namespace ?? {}).filter((name) => name !== "upgrade");
  return names.length === 0 ? "it exports nothing" : `name one of its exports as entrypoint: ${names.join(", ")}`;
}

const notAFunction = (entrypoint, exported) =>
  `the ${entrypoint ? `export ${entrypoint}` : "default export"} is no function, and no object with a fetch method, but ${kind(exported)}`;

const webForm = (exported) => ({
  call: (invocation) => exported.fetch(invocation.webRequest(), invocation.context()),
  toAnswer: (response) => {
    if (response instanceof Response) return fromResponse(response);
    throw new TypeError(`fetch must return a Response; what it returned is ${kind(response)}`);
  },
});

const contextForm = (exported) => ({
  call: (invocation) => withBody(invocation, (body) => exported(invocation.context(body))),
  toAnswer,
});

const callbackForm = (exported) => ({
  call: (invocation) => withBody(invocation, (body) => callWithCallback(exported, invocation, body)),
  toAnswer: (answer) => answer,
});

const upgradesOnly = {
  call: () => undefined,
  toAnswer: () => ({ status: 426, body: "this function takes connections that are upgraded, and no plain requests\n" }),
};

/** User code gets its body parsed; without one, as most requests are, nothing is awaited. */
const withBody = (invocation, call) => (invocation.needsBody() ? invocation.readBody().then(call) : call({}));

/** Fission's form. A promise it also returns counts where it rejects, or resolves with data before the callback. */
function callWithCallback(exported, invocation, body) {
  return new Promise((resolve, reject) => {
    let calls = 0;
    const callback = (status, answerBody, headers) => {
      calls += 1;
      if (calls > 1) return twice(invocation, reject);
      // One turn later, so that a second call right after the first is an error, not a matter of luck.
      queueMicrotask(() => resolve({ status, body: answerBody, headers }));
    };
    const returned = exported(invocation.context(body), callback);
    if (isFunction(returned?.then))
      Promise.resolve(returned)
        .then((value) => looksLikeAnswer(value) && calls === 0 && resolve(toAnswer(value)))
        .catch(reject);
  });
}

function twice(invocation, reject) {
  const error = new Error("the callback was called twice");
  reject(error);
  if (invocation.isAnswered || invocation.hasSettled) invocation.logLate(error);
}

/** A number, a timer, or what has listeners is what its last statement gave, and the callback comes later. */
const looksLikeAnswer = (value) =>
  typeof value === "string" ||
  (typeof value === "object" && value !== null && !isFunction(value.on) && !isFunction(value.unref));

/** Whatever a function returned, as `{status, headers, body}`. */
function toAnswer(value) {
  if (value === undefined || value === null) return { status: 204 };
  if (value instanceof Response) return fromResponse(value);
  return isTriple(value) ? value : { status: 200, body: value };
}

function isTriple(value) {
  if (value === null || typeof value !== "object" || isBodyOnly(value)) return false;
  const keys = Object.keys(value);
  return Object.hasOwn(value, "status") || (keys.length > 0 && keys.every((key) => answerKeys.has(key)));
}

/** Lists, bytes and streams are bodies whatever properties they have. */
const isBodyOnly = (value) => Array.isArray(value) || ArrayBuffer.isView(value) || isStream(value);

function fromResponse(response) {
  if (response.bodyUsed) throw new TypeError("the body of the Response was read already");
  const dropped = isUnpacked(response) ? ownOfPacked : cookies;
  const headers = [...response.headers].filter(([name]) => !dropped.includes(name));
  for (const cookie of response.headers.getSetCookie()) headers.push(["set-cookie", cookie]);
  return { status: response.status, headers, body: response.body ?? undefined, isResponse: true };
}

const cookies = ["set-cookie"];
const ownOfPacked = [...cookies, "content-encoding", "content-length"];
const packings = ["gzip", "x-gzip", "deflate", "br"];

/** Whether it came from `fetch`, which unpacks bodies, and leaves the headers as they were, where it knows all packings. */
function isUnpacked({ type, headers }) {
  if (type === "default" || !headers.has("content-encoding")) return false;
  const names = headers.get("content-encoding").split(",");
  return names.every((name) => packings.includes(name.trim().toLowerCase()));
}
