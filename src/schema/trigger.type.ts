import { Field, InterfaceType, ObjectType } from "type-graphql";
import {
  triggerTypeNames,
  type Trigger,
  type TriggerCondition,
  type TriggerKind,
  type TriggerStatus,
} from "../model/trigger.js";
import { TriggerConditionEnum } from "./enums.js";
import { ResourceType } from "./resource.type.js";
import { DateTimeScalar } from "./scalars.js";

@ObjectType("TriggerStatus", { description: "How a trigger does. It changes without a revision." })
export class TriggerStatusType implements TriggerStatus {
  @Field(() => TriggerConditionEnum, { description: "In one word." })
  condition!: TriggerCondition;

  @Field(() => String, { nullable: true, description: "In words that a person can act on; null while it is READY." })
  reason!: string | null;

  @Field(() => DateTimeScalar, { description: "Since when it is so." })
  since!: Date;
}

/** What all triggers share. In the schema it stands beside Resource; a trigger's type implements both. */
@InterfaceType("Trigger", {
  description: "What calls a function when something happens.",
  resolveType: (trigger: Trigger) => triggerTypeNames[trigger.kind],
})
export abstract class TriggerType extends ResourceType {
  abstract readonly kind: TriggerKind;
  functionId!: string;

  @Field(() => Boolean, { description: "Whether it calls its function; a trigger that is off keeps all else." })
  enabled!: boolean;
}
