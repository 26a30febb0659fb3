import { ArgsType, Field, Int } from "type-graphql";
import type { InvocationStatus } from "../model/invocation.js";
import { maxPageSize } from "../model/page.js";
import type { TriggerKind } from "../model/trigger.js";
import { InvocationStatusEnum, TriggerKindEnum } from "./enums.js";
import { InvocationFilterInput, LogFilterInput } from "./record-filter.input.js";
import { First20Args, First50Args } from "./resource.args.js";
import { IsBetween, IsLabel } from "./rules.js";
import { ValidateNested } from "class-validator";

@ArgsType()
export class EnvironmentsArgs extends First50Args {
  @Field(() => String, { nullable: true, description: "Only environments of this namespace; of all where left out." })
  @IsLabel()
  namespace?: string | null;
}

@ArgsType()
export class FunctionsArgs extends First50Args {
  @Field(() => String, { nullable: true, description: "Only functions of this namespace; of all where left out." })
  @IsLabel()
  namespace?: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Only functions of the environment with this name; NOT_FOUND where there is none.",
  })
  @IsLabel()
  environment?: string | null;

  @Field(() => String, { nullable: true, description: "Only functions whose name contains this." })
  search?: string | null;
}

@ArgsType()
export class TriggersArgs extends First50Args {
  @Field(() => String, { nullable: true, description: "Only triggers of this namespace; of all where left out." })
  @IsLabel()
  namespace?: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Only triggers of the function with this name; NOT_FOUND where there is none.",
  })
  @IsLabel()
  function?: string | null;

  @Field(() => TriggerKindEnum, { nullable: true, description: "Only triggers of this kind." })
  kind?: TriggerKind | null;
}

@ArgsType()
export class InvocationsArgs extends First50Args {
  @Field(() => InvocationFilterInput, { nullable: true, description: "Which invocations; all where left out." })
  @ValidateNested()
  filter?: InvocationFilterInput | null;
}

const redriveLimit = [1, 1000] as const;

@ArgsType()
export class RedriveArgs {
  @Field(() => InvocationFilterInput, { description: "Which of those that are DEAD." })
  @ValidateNested()
  filter!: InvocationFilterInput;

  @Field(() => Int, { defaultValue: redriveLimit[1], description: `How many at most: ${redriveLimit.join(" to ")}.` })
  @IsBetween(...redriveLimit)
  limit!: number;
}

@ArgsType()
export class FunctionInvocationsArgs extends First20Args {
  @Field(() => InvocationStatusEnum, { nullable: true, description: "Only invocations with this status." })
  status?: InvocationStatus | null;
}

@ArgsType()
export class LogsArgs {
  @Field(() => LogFilterInput, { description: "Which lines." })
  @ValidateNested()
  filter!: LogFilterInput;

  @Field(() => Int, { nullable: true, description: `The oldest so many: 1 to ${maxPageSize}.` })
  @IsBetween(1, maxPageSize)
  first?: number | null;

  @Field(() => String, { nullable: true, description: "With first: only what comes after this cursor." })
  after?: string | null;

  @Field(() => Int, {
    nullable: true,
    description: `The newest so many, oldest of them first: 1 to ${maxPageSize}; 100 where neither is given.`,
  })
  @IsBetween(1, maxPageSize)
  last?: number | null;

  @Field(() => String, { nullable: true, description: "With last: only what comes before this cursor." })
  before?: string | null;
}

@ArgsType()
export class StatsArgs {
  @Field(() => Int, { defaultValue: 3600, description: "How far back to look: 1 to 604800 (a week)." })
  @IsBetween(1, 604_800)
  windowSeconds!: number;
}
