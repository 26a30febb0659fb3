import { Field, Int, ObjectType } from "type-graphql";
import type { ComputeResources, Environment, RuntimeContract } from "../model/environment.js";
import { RuntimeContractEnum } from "./enums.js";
import type { PodTemplate } from "../model/pod-template.js";
import { ResourceType } from "./resource.type.js";
import { JsonScalar } from "./scalars.js";

@ObjectType("ComputeResources", { description: "What an instance asks for and may use, as Kubernetes quantities." })
export class ComputeResourcesType implements ComputeResources {
  @Field(() => String, {
    nullable: true,
    description: "Processor time set aside, such as 100m; the cluster's default where null.",
  })
  cpuRequest!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Processor time at most, such as 1; the cluster's default where null.",
  })
  cpuLimit!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Memory set aside, such as 64Mi; the cluster's default where null.",
  })
  memoryRequest!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Memory at most, such as 256Mi; the cluster's default where null.",
  })
  memoryLimit!: string | null;
}

@ObjectType("Environment", {
  implements: ResourceType,
  description: "An image with a language runtime and a dynamic loader, and how many warm instances of it are kept.",
})
export class EnvironmentType extends ResourceType implements Environment {
  @Field(() => String, { description: "The container image of the runtime." })
  image!: string;

  @Field(() => RuntimeContractEnum, { description: "How the image takes a function in." })
  contract!: RuntimeContract;

  @Field(() => Int, { description: "How many warm, unspecialized instances are kept ready." })
  poolSize!: number;

  @Field(() => ComputeResourcesType, { description: "What each instance asks for and may use." })
  resources!: ComputeResources;

  @Field(() => Int, {
    description:
      "How long a draining instance may finish its requests, on top of its function's timeoutSeconds, which they have in any case.",
  })
  gracePeriodSeconds!: number;

  @Field(() => JsonScalar, {
    nullable: true,
    description: "What else its pods have on Kubernetes, as CreateEnvironmentInput says; null where nothing.",
  })
  podTemplate!: PodTemplate | null;
}
