/** What mutations take, after their shape was checked. Undefined is "stays as it is" in a change, "default" in a new one. */
import type { ComputeResources, RuntimeContract } from "./environment.js";
import type { RunSettings, Variable } from "./function.js";
import type { CorsPolicy, RouteMode, MissedRunPolicy, OverlapPolicy, QueueBroker } from "./trigger.js";

export interface ResourceName {
  readonly namespace: string;
  readonly name: string;
}

export interface NewEnvironment extends ResourceName {
  readonly image: string;
  readonly contract: RuntimeContract;
  readonly poolSize: number;
  readonly resources?: Partial<ComputeResources> | null;
  readonly gracePeriodSeconds: number;
  /** A PodTemplate, once it was checked. */
  readonly podTemplate?: unknown;
}

export interface EnvironmentChange extends ResourceName {
  readonly expectedRevision?: number | null;
  readonly image?: string | null;
  readonly contract?: RuntimeContract | null;
  readonly poolSize?: number | null;
  readonly resources?: Partial<ComputeResources> | null;
  readonly gracePeriodSeconds?: number | null;
  /** Null given on purpose takes it away; undefined leaves it. */
  readonly podTemplate?: unknown;
}

export interface NewFunction extends ResourceName {
  /** The environment's name, in the same namespace. */
  readonly environment: string;
  readonly source: string;
  readonly entrypoint?: string | null;
  readonly variables?: readonly Variable[] | null;
  readonly settings?: RunSettings | null;
}

export interface FunctionChange extends ResourceName {
  readonly expectedRevision?: number | null;
  readonly environment?: string | null;
  readonly source?: string | null;
  /** Null given on purpose goes back to the default export; undefined leaves it. */
  readonly entrypoint?: string | null;
  readonly variables?: readonly Variable[] | null;
  readonly settings?: { readonly [K in keyof RunSettings]?: RunSettings[K] | null } | null;
}

export interface NewHttpTrigger {
  readonly namespace: string;
  /** Made from method and path where left out. */
  readonly name?: string | null;
  readonly function: string;
  readonly methods: readonly string[];
  readonly path: string;
  readonly host?: string | null;
  readonly cors?: NewCorsPolicy | null;
  readonly mode?: RouteMode | null;
}

export interface NewCorsPolicy {
  readonly allowOrigins: readonly string[];
  readonly allowMethods?: readonly string[] | null;
  readonly allowHeaders?: readonly string[] | null;
  readonly exposeHeaders?: readonly string[] | null;
  readonly allowCredentials: CorsPolicy["allowCredentials"];
  readonly maxAgeSeconds: number;
}

export interface HttpTriggerChange {
  readonly id: string;
  readonly expectedRevision?: number | null;
  readonly function?: string | null;
  readonly methods?: readonly string[] | null;
  readonly path?: string | null;
  /** Null given on purpose is any host. */
  readonly host?: string | null;
  readonly cors?: NewCorsPolicy | null;
  readonly mode?: RouteMode | null;
}

export interface NewTimeTrigger extends ResourceName {
  readonly function: string;
  readonly schedule: string;
  readonly timezone: string;
  readonly onMissed: MissedRunPolicy;
  readonly missedWindowSeconds: number;
  readonly overlap: OverlapPolicy;
}

export interface TimeTriggerChange {
  readonly id: string;
  readonly expectedRevision?: number | null;
  readonly function?: string | null;
  readonly schedule?: string | null;
  readonly timezone?: string | null;
  readonly onMissed?: MissedRunPolicy | null;
  readonly missedWindowSeconds?: number | null;
  readonly overlap?: OverlapPolicy | null;
}

export interface NewKubernetesWatchTrigger extends ResourceName {
  readonly function: string;
  readonly apiVersion: string;
  /** Of the objects. */
  readonly kind: string;
  readonly watchNamespace?: string | null;
  readonly labelSelector?: string | null;
  readonly fieldSelector?: string | null;
}

/** Null given on purpose takes a namespace or a selector away. What kind of object it is about never changes. */
export interface KubernetesWatchTriggerChange {
  readonly id: string;
  readonly expectedRevision?: number | null;
  readonly function?: string | null;
  readonly watchNamespace?: string | null;
  readonly labelSelector?: string | null;
  readonly fieldSelector?: string | null;
}

export interface NewQueueTrigger extends ResourceName {
  readonly function: string;
  readonly broker: QueueBroker;
  readonly topic: string;
  readonly responseTopic?: string | null;
  readonly errorTopic?: string | null;
  readonly maxAttempts: number;
  readonly concurrency: number;
}

export interface QueueTriggerChange {
  readonly id: string;
  readonly expectedRevision?: number | null;
  readonly function?: string | null;
  readonly topic?: string | null;
  /** Null given on purpose is no topic. */
  readonly responseTopic?: string | null;
  readonly errorTopic?: string | null;
  readonly maxAttempts?: number | null;
  readonly concurrency?: number | null;
}

export interface EnvironmentFilter {
  readonly namespace?: string | null;
  readonly name?: string | null;
}

export interface FunctionFilter {
  readonly namespace?: string | null;
  readonly name?: string | null;
  /** The environment's name. */
  readonly environment?: string | null;
  /** Part of the function's name. */
  readonly search?: string | null;
}

export interface TriggerFilter {
  readonly namespace?: string | null;
  /** The function's name. */
  readonly function?: string | null;
  readonly kind?: string | null;
}
