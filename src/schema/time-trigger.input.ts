import { ArgsType, Field, InputType, Int } from "type-graphql";
import type { NewTimeTrigger, TimeTriggerChange } from "../model/inputs.js";
import type { MissedRunPolicy, OverlapPolicy } from "../model/trigger.js";
import { timeTriggerLimits } from "../model/validate-time-trigger.js";
import { MissedRunPolicyEnum, OverlapPolicyEnum } from "./enums.js";
import { IsBetween } from "./rules.js";
import { NewTriggerInput, TriggerChangeInput } from "./trigger.input.js";

const schedule = "Five or six cron fields (the first of six is the second), @hourly and the like, or @every 90s.";
const timezone = "The time zone the schedule is meant in, such as Europe/Berlin.";
const missedWindow = `How late a missed run is still made up: ${timeTriggerLimits.missedWindowSeconds.join(" to ")}.`;

@InputType("CreateTimeTriggerInput", { description: "A new time trigger." })
export class CreateTimeTriggerInput extends NewTriggerInput implements NewTimeTrigger {
  @Field(() => String, { description: schedule })
  schedule!: string;

  @Field(() => String, { defaultValue: "UTC", description: timezone })
  timezone!: string;

  @Field(() => MissedRunPolicyEnum, { defaultValue: "RUN_ONCE", description: "What becomes of missed due times." })
  onMissed!: MissedRunPolicy;

  @Field(() => Int, { defaultValue: 3600, description: missedWindow })
  missedWindowSeconds!: number;

  @Field(() => OverlapPolicyEnum, { defaultValue: "ALLOW", description: "Whether it runs beside its run before." })
  overlap!: OverlapPolicy;
}

@InputType("UpdateTimeTriggerInput", { description: "A change of a time trigger. What is left out stays as it is." })
export class UpdateTimeTriggerInput extends TriggerChangeInput implements TimeTriggerChange {
  @Field(() => String, { nullable: true, description: schedule })
  schedule?: string | null;

  @Field(() => String, { nullable: true, description: timezone })
  timezone?: string | null;

  @Field(() => MissedRunPolicyEnum, { nullable: true, description: "What becomes of missed due times." })
  onMissed?: MissedRunPolicy | null;

  @Field(() => Int, { nullable: true, description: missedWindow })
  missedWindowSeconds?: number | null;

  @Field(() => OverlapPolicyEnum, { nullable: true, description: "Whether it runs beside its run before." })
  overlap?: OverlapPolicy | null;
}

export const maxNextRuns = 100;

@ArgsType()
export class NextRunsArgs {
  @Field(() => Int, { defaultValue: 5, description: `How many: 1 to ${maxNextRuns}.` })
  @IsBetween(1, maxNextRuns)
  count!: number;
}
