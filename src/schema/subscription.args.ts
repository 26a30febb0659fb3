import { ValidateNested } from "class-validator";
import { ArgsType, Field, Int } from "type-graphql";
import { maxPageSize } from "../model/page.js";
import { InvocationFilterInput, LogFilterInput } from "./record-filter.input.js";
import { IsBetween, IsLabel } from "./rules.js";

@ArgsType()
export class FollowLogsArgs {
  @Field(() => LogFilterInput, { description: "Which lines." })
  @ValidateNested()
  filter!: LogFilterInput;

  @Field(() => Int, { defaultValue: 0, description: `So many earlier lines first: 0 to ${maxPageSize}.` })
  @IsBetween(0, maxPageSize)
  tail!: number;
}

@ArgsType()
export class FollowInvocationsArgs {
  @Field(() => InvocationFilterInput, { nullable: true, description: "Which invocations; all where left out." })
  @ValidateNested()
  filter?: InvocationFilterInput | null;
}

@ArgsType()
export class PoolChangesArgs {
  @Field(() => String, { nullable: true, description: "Only pools of this namespace; with environment, `default`." })
  @IsLabel()
  namespace?: string | null;

  @Field(() => String, { nullable: true, description: "Only the pool of the environment with this name." })
  @IsLabel()
  environment?: string | null;
}
