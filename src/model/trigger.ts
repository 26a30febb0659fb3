import type { Resource } from "./resource.js";

export const triggerKinds = ["HTTP", "TIME", "KUBERNETES_WATCH", "QUEUE"] as const;
export type TriggerKind = (typeof triggerKinds)[number];

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
}

export type Trigger = HttpTrigger;
