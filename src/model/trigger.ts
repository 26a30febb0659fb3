import type { Resource, ResourceKind } from "./resource.js";

export const triggerKinds = ["HTTP", "TIME", "KUBERNETES_WATCH", "QUEUE"] as const;
export type TriggerKind = (typeof triggerKinds)[number];

/** What a trigger of each kind is called as a resource, and in GraphQL. */
export const triggerTypeNames = {
  HTTP: "HttpTrigger",
  TIME: "TimeTrigger",
  KUBERNETES_WATCH: "KubernetesWatchTrigger",
  QUEUE: "QueueTrigger",
} as const satisfies Record<TriggerKind, ResourceKind>;

export const routeModes = ["SYNC", "ASYNC_ALLOWED", "ASYNC"] as const;
/** Whether callers of a route wait for the answer. */
export type RouteMode = (typeof routeModes)[number];

export interface CorsPolicy {
  readonly allowOrigins: readonly string[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly allowCredentials: boolean;
  readonly maxAgeSeconds: number;
}

interface TriggerBase extends Resource {
  readonly functionId: string;
  readonly enabled: boolean;
}

/** A route. Exact beats template beats prefix; a named host beats any host. */
export interface HttpTrigger extends TriggerBase {
  readonly kind: "HTTP";
  readonly methods: readonly string[];
  /** `/users/{id}` matches one segment; a path that ends in `/*` takes the whole subtree. */
  readonly path: string;
  /** Null is any host. */
  readonly host: string | null;
  readonly cors: CorsPolicy | null;
  readonly mode: RouteMode;
}

export const missedRunPolicies = ["RUN_ONCE", "SKIP"] as const;
export type MissedRunPolicy = (typeof missedRunPolicies)[number];

export const overlapPolicies = ["ALLOW", "SKIP"] as const;
export type OverlapPolicy = (typeof overlapPolicies)[number];

/** Calls its function at the times of a schedule. */
export interface TimeTrigger extends TriggerBase {
  readonly kind: "TIME";
  /** Five or six cron fields, `@hourly` and the like, or `@every 90s`. */
  readonly schedule: string;
  /** A name of the IANA time zone database. */
  readonly timezone: string;
  /** What becomes of due times at which nobody could call: the last of them is made up, or none. */
  readonly onMissed: MissedRunPolicy;
  /** How late a missed run is still made up. */
  readonly missedWindowSeconds: number;
  /** Whether it runs while its run before is not over. */
  readonly overlap: OverlapPolicy;
  /** Due times after this count: when it was made or enabled, or its schedule was changed last. `@every` counts from here. */
  readonly armedAt: Date;
}

/** Calls its function with the objects of one kind whenever one of them is added, modified or deleted. */
export interface KubernetesWatchTrigger extends TriggerBase {
  readonly kind: "KUBERNETES_WATCH";
  /** Of the objects: `v1`, `apps/v1`. */
  readonly apiVersion: string;
  /** Of the objects: `Pod`. GraphQL calls it `kind`. */
  readonly objectKind: string;
  /** Null is all. */
  readonly watchNamespace: string | null;
  readonly labelSelector: string | null;
  readonly fieldSelector: string | null;
}

export const queueBrokers = ["POSTGRES", "NATS"] as const;
export type QueueBroker = (typeof queueBrokers)[number];

/** Calls its function with each message of a topic. */
export interface QueueTrigger extends TriggerBase {
  readonly kind: "QUEUE";
  readonly broker: QueueBroker;
  readonly topic: string;
  /** Where the function's answers go; null is nowhere. */
  readonly responseTopic: string | null;
  /** Where messages go that have failed for good; null is nowhere. */
  readonly errorTopic: string | null;
  readonly maxAttempts: number;
  /** Messages handled at a time. */
  readonly concurrency: number;
}

/** What calls a function when something happens. */
export type Trigger = HttpTrigger | TimeTrigger | KubernetesWatchTrigger | QueueTrigger;

export const triggerConditions = ["READY", "FAILING", "INVALID", "DISABLED", "UNKNOWN"] as const;
export type TriggerCondition = (typeof triggerConditions)[number];

/** How a trigger does. It is no part of the resource: it changes without a revision. */
export interface TriggerStatus {
  readonly condition: TriggerCondition;
  /** In words that a person can act on; null while it is READY. */
  readonly reason: string | null;
  readonly since: Date;
}

/** How a trigger does: what is known of it by itself, else what was said last by the process that runs it. */
export function statusOf(trigger: Trigger, reported: TriggerStatus | undefined): TriggerStatus {
  const { enabled, kind, updatedAt: since } = trigger;
  if (!enabled) return { condition: "DISABLED", reason: "It is switched off.", since };
  if (kind === "HTTP") return { condition: "READY", reason: null, since };
  return (
    reported ?? { condition: "UNKNOWN", reason: "No process of the role triggers has said anything of it yet.", since }
  );
}
