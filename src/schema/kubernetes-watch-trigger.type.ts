import { Field, ObjectType } from "type-graphql";
import type { KubernetesWatchTrigger } from "../model/trigger.js";
import { ResourceType } from "./resource.type.js";
import { TriggerType } from "./trigger.type.js";

@ObjectType("KubernetesWatchTrigger", {
  implements: [TriggerType, ResourceType],
  description: "Calls its function with every matching object and its watch event type (ADDED, MODIFIED, DELETED).",
})
export class KubernetesWatchTriggerType extends TriggerType implements KubernetesWatchTrigger {
  readonly kind = "KUBERNETES_WATCH";

  @Field(() => String, { description: "Of the objects, such as v1 or apps/v1." })
  apiVersion!: string;

  @Field(() => String, { name: "kind", description: "Of the objects, such as Pod." })
  objectKind!: string;

  @Field(() => String, { nullable: true, description: "The namespace the objects are in; all where null." })
  watchNamespace!: string | null;

  @Field(() => String, { nullable: true, description: "Only objects with these labels; all where null." })
  labelSelector!: string | null;

  @Field(() => String, { nullable: true, description: "Only objects with these fields; all where null." })
  fieldSelector!: string | null;
}
