import { Field, InterfaceType } from "type-graphql";
import type { Trigger, TriggerKind } from "../model/trigger.js";
import { ResourceType } from "./resource.type.js";

const typeNames: Record<Trigger["kind"], string> = {
  HTTP: "HttpTrigger",
  TIME: "TimeTrigger",
  KUBERNETES_WATCH: "KubernetesWatchTrigger",
  QUEUE: "QueueTrigger",
};

/** What all triggers share. In the schema it stands beside Resource; a trigger's type implements both. */
@InterfaceType("Trigger", {
  description: "What calls a function when something happens.",
  resolveType: (trigger: Trigger) => typeNames[trigger.kind],
})
export abstract class TriggerType extends ResourceType {
  abstract readonly kind: TriggerKind;
  functionId!: string;

  @Field(() => Boolean, { description: "Whether it calls its function; a trigger that is off keeps all else." })
  enabled!: boolean;
}
