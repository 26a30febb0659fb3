import { Field, Int, ObjectType } from "type-graphql";
import type { MissedRunPolicy, OverlapPolicy, TimeTrigger } from "../model/trigger.js";
import { MissedRunPolicyEnum, OverlapPolicyEnum } from "./enums.js";
import { ResourceType } from "./resource.type.js";
import { TriggerType } from "./trigger.type.js";

@ObjectType("TimeTrigger", {
  implements: [TriggerType, ResourceType],
  description:
    "Calls its function with an empty POST at the times of a schedule; X-Fermi-Scheduled-At is the due time. Each due time is run once at most.",
})
export class TimeTriggerType extends TriggerType implements TimeTrigger {
  readonly kind = "TIME";
  armedAt!: Date;

  @Field(() => String, {
    description:
      "Five or six cron fields (the first of six is the second), @hourly and the like, or @every 90s, which counts from when the trigger was made, enabled or given this schedule.",
  })
  schedule!: string;

  @Field(() => String, {
    description:
      "The time zone the schedule is meant in. Where clocks are put forward, a single time of day that is left out runs at the end of the gap, and repeated ones in it do not run; where they are put back, a single time of day runs once, and repeated ones run in both hours.",
  })
  timezone!: string;

  @Field(() => MissedRunPolicyEnum, { description: "What becomes of missed due times." })
  onMissed!: MissedRunPolicy;

  @Field(() => Int, { description: "How late a missed run is still made up." })
  missedWindowSeconds!: number;

  @Field(() => OverlapPolicyEnum, { description: "Whether it runs beside its run before." })
  overlap!: OverlapPolicy;
}
