import type { PodTemplate } from "./pod-template.js";
import type { Resource } from "./resource.js";

export const runtimeContracts = ["FERMI", "FISSION_V1", "FISSION_V2"] as const;
/** How an environment's container takes a function in. */
export type RuntimeContract = (typeof runtimeContracts)[number];

/** Kubernetes quantities as text, such as "250m" and "128Mi"; null where the cluster's default applies. */
export interface ComputeResources {
  readonly cpuRequest: string | null;
  readonly cpuLimit: string | null;
  readonly memoryRequest: string | null;
  readonly memoryLimit: string | null;
}

/** An image with a language runtime and a dynamic loader, and how many warm instances of it are kept. */
export interface Environment extends Resource {
  readonly image: string;
  readonly contract: RuntimeContract;
  /** Warm, unspecialized instances kept ready. */
  readonly poolSize: number;
  readonly resources: ComputeResources;
  /** How long a draining instance may finish its requests. */
  readonly gracePeriodSeconds: number;
  /** What else its pods are to have on Kubernetes; null where nothing. Without effect elsewhere. */
  readonly podTemplate: PodTemplate | null;
}
