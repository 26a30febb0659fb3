import { Field, InputType } from "type-graphql";
import type { KubernetesWatchTriggerChange, NewKubernetesWatchTrigger } from "../model/inputs.js";
import { NewTriggerInput, TriggerChangeInput } from "./trigger.input.js";

@InputType("CreateKubernetesWatchTriggerInput", { description: "A new watch over Kubernetes objects." })
export class CreateKubernetesWatchTriggerInput extends NewTriggerInput implements NewKubernetesWatchTrigger {
  @Field(() => String, { defaultValue: "v1", description: "Of the objects, such as v1 or apps/v1." })
  apiVersion!: string;

  @Field(() => String, { description: "Of the objects, such as Pod." })
  kind!: string;

  @Field(() => String, { nullable: true, description: "The namespace the objects are in; all where left out." })
  watchNamespace?: string | null;

  @Field(() => String, { nullable: true, description: "Only objects with these labels, such as app=shop,!draft." })
  labelSelector?: string | null;

  @Field(() => String, { nullable: true, description: "Only objects with these fields, such as metadata.name=shop." })
  fieldSelector?: string | null;
}

@InputType("UpdateKubernetesWatchTriggerInput", {
  description: "A change of a watch. What is left out stays as it is; which kind of object it is about always does.",
})
export class UpdateKubernetesWatchTriggerInput extends TriggerChangeInput implements KubernetesWatchTriggerChange {
  @Field(() => String, { nullable: true, description: "The namespace the objects are in; null goes back to all." })
  watchNamespace?: string | null;

  @Field(() => String, { nullable: true, description: "Only objects with these labels; null takes it away." })
  labelSelector?: string | null;

  @Field(() => String, { nullable: true, description: "Only objects with these fields; null takes it away." })
  fieldSelector?: string | null;
}
