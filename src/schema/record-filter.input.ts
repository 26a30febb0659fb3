import { HasAtMost, IsId, IsLabel, IsText } from "./rules.js";
import { Field, ID, InputType } from "type-graphql";
import { type InvocationSource, type InvocationStatus, invocationStatuses } from "../model/invocation.js";
import type { LogStream } from "../model/log-line.js";
import { InvocationSourceEnum, InvocationStatusEnum, LogStreamEnum } from "./enums.js";
import { DateTimeScalar } from "./scalars.js";

@InputType("InvocationFilter", { description: "Which invocations; what is left out does not narrow." })
export class InvocationFilterInput {
  @Field(() => ID, { nullable: true, description: "Only the one with this id: a UUID." })
  @IsId()
  id?: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Only of functions of this namespace; with function, `default`.",
  })
  @IsLabel()
  namespace?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Only of the function with this name, or else of the one of this name that was deleted last; NOT_FOUND where there was none.",
  })
  @IsLabel()
  function?: string | null;

  @Field(() => [InvocationStatusEnum], { nullable: true, description: "Only with one of these statuses." })
  @HasAtMost(invocationStatuses.length)
  status?: InvocationStatus[] | null;

  @Field(() => InvocationSourceEnum, { nullable: true, description: "Only called this way." })
  source?: InvocationSource | null;

  @Field(() => ID, {
    nullable: true,
    description: "Only those that the trigger with this id called, be it deleted meanwhile: a UUID.",
  })
  @IsId()
  trigger?: string | null;

  @Field(() => DateTimeScalar, { nullable: true, description: "Only accepted at this time or later." })
  since?: Date | null;

  @Field(() => DateTimeScalar, { nullable: true, description: "Only accepted at this time or earlier." })
  until?: Date | null;
}

@InputType("LogFilter", { description: "Which log lines; what is left out does not narrow." })
export class LogFilterInput {
  @Field(() => String, { defaultValue: "default", description: "Of functions of this namespace." })
  @IsLabel()
  namespace!: string;

  @Field(() => String, {
    nullable: true,
    description:
      "Only of the function with this name, or else of the one of this name that was deleted last; NOT_FOUND where there was none.",
  })
  @IsLabel()
  function?: string | null;

  @Field(() => ID, { nullable: true, description: "Only what this invocation printed: a UUID." })
  @IsId()
  invocationId?: string | null;

  @Field(() => LogStreamEnum, { nullable: true, description: "Only what was written there." })
  stream?: LogStream | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Only lines that contain this text, letter case included; refused where too many lines would have to be read.",
  })
  @IsText(1, 1000)
  contains?: string | null;

  @Field(() => DateTimeScalar, { nullable: true, description: "Only lines printed at this time or later." })
  since?: Date | null;
}
