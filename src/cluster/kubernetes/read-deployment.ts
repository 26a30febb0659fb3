/** What a pool's Deployment says, from what the API tells of it: pure. */
import type { Condition } from "./pod.js";
import { labels } from "./pod-labels.js";

export interface PoolDeployment {
  readonly metadata: {
    readonly uid: string;
    readonly name: string;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly replicas?: number };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface DeploymentFacts {
  readonly environmentId: string;
  readonly template: string;
  readonly replicas: number;
  readonly isDeleting: boolean;
  /** Why the cluster refuses to make its pods, in words; null where it does not. */
  readonly refusal: string | null;
}

export function readDeployment({ metadata, spec, status }: PoolDeployment): DeploymentFacts {
  const failure = status?.conditions?.find(({ type, status }) => type === "ReplicaFailure" && status === "True");
  return {
    environmentId: metadata.labels?.[labels.environment] ?? "",
    template: metadata.labels?.[labels.template] ?? "",
    replicas: spec.replicas ?? 1,
    isDeleting: metadata.deletionTimestamp !== undefined,
    refusal: failure === undefined ? null : refusalInWords(failure.message ?? failure.reason ?? ""),
  };
}

/** Of a Deployment that is not valid: what is said of its fields. */
export const templateRefusal = (message: string): string =>
  `the cluster refuses what its pods are to be made from: ${whyOf(message)}`;

/** A quota, an admission rule, a missing priority class: what comes after the pod's name is what counts. */
export const refusalInWords = (message: string): string => `the cluster refuses new pods: ${whyOf(message)}`;

function whyOf(message: string): string {
  const why = message.split(/is forbidden: |is invalid: /).at(-1) ?? message;
  return why.replace(/\s+/g, " ").trim().replace(/\.$/, "").slice(0, 300);
}
