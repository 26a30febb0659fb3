import { ArgsType, Field, ID, InputType, Int } from "type-graphql";
import { IdArgs } from "./resource.args.js";
import { IsId } from "./rules.js";

/** What a new trigger of every kind says; a route may leave its name out. */
@InputType()
export abstract class NewTriggerInput {
  @Field(() => String, { defaultValue: "default", description: "The namespace it is to live in, its function's." })
  namespace!: string;

  @Field(() => String, { description: "Unique among the triggers of its kind in its namespace: a DNS-1123 label." })
  name!: string;

  @Field(() => String, { description: "The name of the function to call." })
  function!: string;
}

/** What a change of a trigger of every kind says. */
@InputType()
export abstract class TriggerChangeInput {
  @Field(() => ID, { description: "The trigger's id: a UUID." })
  @IsId()
  id!: string;

  @Field(() => Int, { nullable: true, description: "Refused (CONFLICT) where the revision is another by now." })
  expectedRevision?: number | null;

  @Field(() => String, { nullable: true, description: "The name of the function to call, in the same namespace." })
  function?: string | null;
}

@ArgsType()
export class SetTriggerEnabledArgs extends IdArgs {
  @Field(() => Boolean, { description: "Whether it is to call its function." })
  enabled!: boolean;
}
