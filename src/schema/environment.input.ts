import { Field, InputType, Int } from "type-graphql";
import type { ComputeResources, RuntimeContract } from "../model/environment.js";
import type { EnvironmentChange, NewEnvironment } from "../model/inputs.js";
import { environmentLimits } from "../model/validate-environment.js";
import { RuntimeContractEnum } from "./enums.js";
import { JsonScalar } from "./scalars.js";

const poolSize = `How many warm instances are kept ready: ${environmentLimits.poolSize.join(" to ")}.`;
const gracePeriod =
  "How long a draining instance may finish its requests, on top of its function's timeoutSeconds, which they have in any " +
  `case: ${environmentLimits.gracePeriodSeconds.join(" to ")}.`;
const podTemplate =
  "What else its pods have on Kubernetes, as a part of Kubernetes' PodTemplateSpec: metadata.labels, metadata.annotations, " +
  "spec.imagePullSecrets, nodeSelector, tolerations, affinity, topologySpreadConstraints, priorityClassName and " +
  "runtimeClassName. Everything else is refused. It is kept, and without effect, where there is no Kubernetes.";

@InputType("ComputeResourcesInput", { description: "What an instance asks for and may use, as Kubernetes quantities." })
export class ComputeResourcesInput implements Partial<ComputeResources> {
  @Field(() => String, { nullable: true, description: "Processor time set aside, such as 100m." })
  cpuRequest!: string | null;

  @Field(() => String, { nullable: true, description: "Processor time at most, such as 1." })
  cpuLimit!: string | null;

  @Field(() => String, { nullable: true, description: "Memory set aside, such as 64Mi." })
  memoryRequest!: string | null;

  @Field(() => String, { nullable: true, description: "Memory at most, such as 256Mi." })
  memoryLimit!: string | null;
}

@InputType("CreateEnvironmentInput", { description: "A new environment." })
export class CreateEnvironmentInput implements NewEnvironment {
  @Field(() => String, { defaultValue: "default", description: "The namespace it is to live in." })
  namespace!: string;

  @Field(() => String, { description: "Its name." })
  name!: string;

  @Field(() => String, { description: "The container image of the runtime, such as fermi/nodejs." })
  image!: string;

  @Field(() => RuntimeContractEnum, { defaultValue: "FERMI", description: "How the image takes a function in." })
  contract!: RuntimeContract;

  @Field(() => Int, { defaultValue: 3, description: poolSize })
  poolSize!: number;

  @Field(() => ComputeResourcesInput, { nullable: true, description: "What each instance asks for and may use." })
  resources?: ComputeResourcesInput | null;

  @Field(() => Int, {
    defaultValue: 30,
    description: gracePeriod,
  })
  gracePeriodSeconds!: number;

  @Field(() => JsonScalar, { nullable: true, description: podTemplate })
  podTemplate?: unknown;
}

@InputType("UpdateEnvironmentInput", { description: "A change of an environment. What is left out stays as it is." })
export class UpdateEnvironmentInput implements EnvironmentChange {
  @Field(() => String, { defaultValue: "default", description: "The namespace it lives in." })
  namespace!: string;

  @Field(() => String, { description: "Its name." })
  name!: string;

  @Field(() => Int, { nullable: true, description: "Refused (CONFLICT) where the revision is another by now." })
  expectedRevision?: number | null;

  @Field(() => String, { nullable: true, description: "The container image of the runtime." })
  image?: string | null;

  @Field(() => RuntimeContractEnum, { nullable: true, description: "How the image takes a function in." })
  contract?: RuntimeContract | null;

  @Field(() => Int, { nullable: true, description: poolSize })
  poolSize?: number | null;

  @Field(() => ComputeResourcesInput, { nullable: true, description: "What each instance asks for and may use." })
  resources?: ComputeResourcesInput | null;

  @Field(() => Int, { nullable: true, description: gracePeriod })
  gracePeriodSeconds?: number | null;

  @Field(() => JsonScalar, { nullable: true, description: `${podTemplate} Null takes away what there is.` })
  podTemplate?: unknown;
}
