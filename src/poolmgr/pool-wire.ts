/** What the pool manager tells those who show its pools, as JSON. They say nothing. */
import type { Instance, Pool } from "../model/instance.js";
import { instanceStates } from "../model/instance-state.js";
import { isCount, isListOf, isObject, isOneOf, isText, readEnvelope, type Check } from "./message-checks.js";

export const poolsPath = "/v1/pools";

/** What has changed. The first one is everything, and `isWhole`: pools that are not in it are no more. */
export interface PoolNews {
  readonly type: "POOLS";
  readonly isWhole: boolean;
  readonly pools: readonly Pool[];
  /** Their environments. */
  readonly gone: readonly string[];
}

const isTimeText: Check = (value) => typeof value === "string" && !Number.isNaN(Date.parse(value));
const orNull =
  (holds: Check): Check =>
  (value) =>
    value === null || holds(value);

const instance = isObject({
  ...{ id: isText, state: isOneOf(...instanceStates), address: orNull(isText), environmentId: isText },
  ...{ functionId: orNull(isText), functionVersion: orNull(isCount), inFlight: isCount },
  ...{ startedAt: isTimeText, specializedAt: orNull(isTimeText), lastUsedAt: orNull(isTimeText) },
  problem: orNull(isText),
});
const pool = isObject({
  ...{ environmentId: isText, warm: isCount, starting: isCount, specialized: isCount, problem: orNull(isText) },
  instances: isListOf(instance),
});

const kinds: Readonly<Record<PoolNews["type"], Check>> = {
  POOLS: isObject({ isWhole: (value) => typeof value === "boolean", pools: isListOf(pool), gone: isListOf(isText) }),
};

/** Undefined for what is to be passed over. Throws BAD_REQUEST for what makes no sense. */
export function readPoolNews(text: string): PoolNews | undefined {
  const envelope = readEnvelope(text, kinds) as { message: PoolNews } | undefined;
  return envelope && { ...envelope.message, pools: envelope.message.pools.map(revivePool) };
}

const revivePool = (sent: Pool): Pool => ({ ...sent, instances: sent.instances.map(reviveInstance) });

const reviveInstance = (sent: Instance): Instance => ({
  ...sent,
  startedAt: new Date(sent.startedAt),
  specializedAt: sent.specializedAt && new Date(sent.specializedAt),
  lastUsedAt: sent.lastUsedAt && new Date(sent.lastUsedAt),
});
