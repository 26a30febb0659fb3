/** What a pool's Deployment says, from what the API tells of it: pure. */
import type { Condition } from "./pod.js";
import { labels, manager } from "./pod-labels.js";

export interface PoolDeployment {
  readonly metadata: {
    readonly uid: string;
    readonly name: string;
    readonly resourceVersion: string;
    /** Counts the changes of what it is to be; those of how it does don't count. */
    readonly generation: number;
    readonly deletionTimestamp?: string;
    readonly managedFields?: readonly FieldsOwner[];
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly replicas?: number };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** Who has said what of it, as the API notes. */
export interface FieldsOwner {
  readonly manager?: string;
  readonly operation?: string;
  readonly fieldsV1?: { readonly "f:spec"?: { readonly "f:template"?: object } };
}

/** Which Deployment it is, and which of its states. */
export interface DeploymentState {
  readonly uid: string;
  readonly generation: number;
}

export interface DeploymentFacts extends DeploymentState {
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
    uid: metadata.uid,
    generation: metadata.generation,
    environmentId: metadata.labels?.[labels.environment] ?? "",
    template: metadata.labels?.[labels.template] ?? "",
    replicas: spec.replicas ?? 1,
    isDeleting: metadata.deletionTimestamp !== undefined,
    refusal: failure === undefined ? null : refusalInWords(failure.message ?? failure.reason ?? ""),
  };
}

/** Somebody else has a say in what its pods run, which a write of what Fermi says leaves as it is. */
export const hasForeignParts = ({ metadata }: PoolDeployment): boolean =>
  (metadata.managedFields ?? []).some(
    ({ manager: owner, operation, fieldsV1 }) =>
      !(owner === manager && operation === "Apply") && "f:spec" in (fieldsV1?.["f:spec"]?.["f:template"] ?? {}),
  );

/** Of a Deployment that is not valid: what is said of its fields. */
export const templateRefusal = (message: string): string =>
  `the cluster refuses what its pods are to be made from: ${whyOf(message)}`;

/** A quota, an admission rule, a missing priority class: what comes after the pod's name is what counts. */
export const refusalInWords = (message: string): string => `the cluster refuses new pods: ${whyOf(message)}`;

function whyOf(message: string): string {
  const why = message.split(/is forbidden: |is invalid: /).at(-1) ?? message;
  return why.replace(/\s+/g, " ").trim().replace(/\.$/, "").slice(0, 300);
}
