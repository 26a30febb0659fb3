/**
 * The messages between routers and the pool manager as they cross a network: JSON, in an envelope with a number, checked
 * where they come in. A message of a kind that is not known is for a newer version and is passed over.
 */
import { AppError } from "../errors/app-error.js";
import { isErrorCode } from "../errors/codes.js";
import { runtimeContracts } from "../model/environment.js";
import type { ToPoolmgr, ToRouter } from "./router-link.js";

export const routerPath = "/v1/router";

/** `seen` is the number of the last message that the router had got when it said this. */
export interface FromRouter {
  readonly seen: number;
  readonly message: ToPoolmgr;
}

/** Numbered from 1 on each stream. */
export interface FromPoolmgr {
  readonly number: number;
  readonly message: ToRouter;
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string" && value.length <= 100_000;
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isTime: Check = (value) => typeof value === "number" && Number.isFinite(value);
const isOneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    typeof value === "string" && values.includes(value);
const isObject =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(fields).every(([name, holds]) => holds((value as Record<string, unknown>)[name]));
const isListOf =
  (holds: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(holds);

const target = { functionId: isText, version: isCount };
const instance = isObject({
  ...{ ...target, id: isText, address: isText, key: isText },
  ...{ contract: isOneOf(...runtimeContracts), slots: isCount },
});

const toPoolmgr: Readonly<Record<ToPoolmgr["type"], Check>> = {
  HELLO: isObject({
    routerId: isText,
    holdings: isListOf(isObject({ instanceId: isText, slots: isCount, inFlight: isCount })),
  }),
  DEMAND: isObject({ target: isObject(target), inFlight: isCount, waiting: isCount }),
  USAGE: isObject({ instances: isListOf(isObject({ instanceId: isText, inFlight: isCount, idleMs: isTime })) }),
  RELEASED: isObject({ instanceId: isText }),
  SUSPECT: isObject({ instanceId: isText, reason: isOneOf("NO_CONNECTION", "CRASHED", "TIMED_OUT") }),
};

const toRouter: Readonly<Record<ToRouter["type"], Check>> = {
  SNAPSHOT: isObject({ epoch: isText, instances: isListOf(instance) }),
  PREPARE: isObject({ instance }),
  GRANT: isObject({ instance }),
  WITHDRAW: isObject({ instanceId: isText }),
  GONE: isObject({ instanceId: isText }),
  REFUSE: isObject({
    ...{ target: isObject(target), code: isErrorCode, message: isText },
    retryAfterSeconds: (value) => value === undefined || isCount(value),
  }),
};

/** Undefined for what is to be passed over. Throws BAD_REQUEST for what makes no sense. */
export const readFromRouter = (text: string): FromRouter | undefined =>
  read(text, "seen", toPoolmgr) as FromRouter | undefined;

/** Undefined for what is to be passed over. Throws BAD_REQUEST for what makes no sense. */
export const readFromPoolmgr = (text: string): FromPoolmgr | undefined =>
  read(text, "number", toRouter) as FromPoolmgr | undefined;

function read(text: string, counter: string, kinds: Readonly<Record<string, Check>>): object | undefined {
  const envelope = parse(text);
  if (!isObject({ [counter]: isCount, message: isObject({ type: isText }) })(envelope)) throw senseless();
  const { message } = envelope as { message: { type: string } };
  const holds = Object.hasOwn(kinds, message.type) ? kinds[message.type] : undefined;
  if (holds === undefined) return undefined;
  if (!holds(message)) throw senseless(message.type);
  return envelope as object;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw senseless(undefined, cause);
  }
}

const senseless = (type?: string, cause?: unknown): AppError =>
  new AppError("BAD_REQUEST", `A message${type === undefined ? "" : ` of type ${type}`} can't be read.`, { cause });
