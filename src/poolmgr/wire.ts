/**
 * The messages between routers and the pool manager as they cross a network: JSON, in an envelope with a number, checked
 * where they come in. A message of a kind that is not known is for a newer version and is passed over.
 */
import { isErrorCode } from "../errors/codes.js";
import { runtimeContracts } from "../model/environment.js";
import { isCount, isListOf, isObject, isOneOf, isText, isTime, readEnvelope, type Check } from "./message-checks.js";
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
  ANSWERED: isObject({ instanceId: isText }),
  BLOCKED: isObject({ instanceId: isText }),
};

const toRouter: Readonly<Record<ToRouter["type"], Check>> = {
  SNAPSHOT: isObject({ epoch: isText, instances: isListOf(instance) }),
  PREPARE: isObject({ instance }),
  GRANT: isObject({ instance }),
  WITHDRAW: isObject({ instanceId: isText }),
  GONE: isObject({ instanceId: isText, why: (value) => value === undefined || isText(value) }),
  REFUSE: isObject({
    ...{ target: isObject(target), code: isErrorCode, message: isText },
    retryAfterSeconds: (value) => value === undefined || isCount(value),
  }),
};

/** Undefined for what is to be passed over. Throws BAD_REQUEST for what makes no sense. */
export const readFromRouter = (text: string): FromRouter | undefined =>
  readEnvelope(text, toPoolmgr, { seen: isCount }) as FromRouter | undefined;

/** Undefined for what is to be passed over. Throws BAD_REQUEST for what makes no sense. */
export const readFromPoolmgr = (text: string): FromPoolmgr | undefined =>
  readEnvelope(text, toRouter, { number: isCount }) as FromPoolmgr | undefined;
