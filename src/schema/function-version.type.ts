import { Field, ID, Int, ObjectType } from "type-graphql";
import type { FunctionVersion, Variable } from "../model/function.js";
import { DateTimeScalar } from "./scalars.js";

@ObjectType("Variable", { description: "An environment variable of a function." })
export class VariableType implements Variable {
  @Field(() => String, { description: "The variable's name." })
  name!: string;

  @Field(() => String, { description: "The variable's value." })
  value!: string;
}

@ObjectType("FunctionVersion", {
  description:
    "An immutable snapshot of what runs: environment, code, entrypoint, variables. A change of one of these makes the next one; a change of settings makes none and restarts nothing.",
})
export class FunctionVersionType implements FunctionVersion {
  @Field(() => ID, { description: "A UUID that never changes." })
  id!: string;

  functionId!: string;
  environmentId!: string;

  @Field(() => Int, { description: "1 for the first version of the function, then one more each time." })
  number!: number;

  @Field(() => String, { description: "SHA-256 of the code, in hex." })
  digest!: string;

  @Field(() => Int, { description: "How long the code is, in bytes." })
  sizeBytes!: number;

  @Field(() => String, { nullable: true, description: "Which export to call; the file's default where null." })
  entrypoint!: string | null;

  @Field(() => [VariableType], { description: "The environment variables it runs with." })
  variables!: readonly Variable[];

  @Field(() => DateTimeScalar, { description: "When it was created." })
  createdAt!: Date;
}
