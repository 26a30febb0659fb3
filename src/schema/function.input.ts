import { ArgsType, Field, InputType, Int } from "type-graphql";
import type { Variable } from "../model/function.js";
import type { FunctionChange, NewFunction } from "../model/inputs.js";
import { functionLimits, inKiB } from "../model/validate-function.js";
import { NameArgs } from "./resource.args.js";
import { RunSettingsInput, UpdateRunSettingsInput } from "./run-settings.input.js";

const source = `One file's text, at most ${inKiB(functionLimits.sourceBytes)}.`;

@InputType("VariableInput", { description: "An environment variable of a function." })
export class VariableInput implements Variable {
  @Field(() => String, { description: "Letters, digits and '_'; PORT and names that begin with FERMI_ are taken." })
  name!: string;

  @Field(() => String, { description: `Any text of at most ${functionLimits.variableValueCharacters} characters.` })
  value!: string;
}

@InputType("CreateFunctionInput", { description: "A new function; what is given becomes its version 1." })
export class CreateFunctionInput implements NewFunction {
  @Field(() => String, { defaultValue: "default", description: "The namespace it is to live in." })
  namespace!: string;

  @Field(() => String, { description: "Its name." })
  name!: string;

  @Field(() => String, { description: "The name of its environment, in the same namespace." })
  environment!: string;

  @Field(() => String, { description: source })
  source!: string;

  @Field(() => String, {
    nullable: true,
    description: "Which export to call; the file's default where left out. For FISSION_V2 also `module.function`.",
  })
  entrypoint?: string | null;

  @Field(() => [VariableInput], { nullable: true, description: "The environment variables it runs with." })
  variables?: VariableInput[] | null;

  @Field(() => RunSettingsInput, { nullable: true, description: "How it is run." })
  settings?: RunSettingsInput | null;
}

@InputType("UpdateFunctionInput", { description: "What is left out stays as it is." })
export class UpdateFunctionInput implements FunctionChange {
  @Field(() => String, { defaultValue: "default", description: "The namespace it lives in." })
  namespace!: string;

  @Field(() => String, { description: "Its name." })
  name!: string;

  @Field(() => Int, { nullable: true, description: "Refused (CONFLICT) where the revision is another by now." })
  expectedRevision?: number | null;

  @Field(() => String, { nullable: true, description: "The name of its environment, in the same namespace." })
  environment?: string | null;

  @Field(() => String, { nullable: true, description: source })
  source?: string | null;

  @Field(() => String, { nullable: true, description: "Which export to call; null goes back to the file's default." })
  entrypoint?: string | null;

  @Field(() => [VariableInput], { nullable: true, description: "All of its environment variables." })
  variables?: VariableInput[] | null;

  @Field(() => UpdateRunSettingsInput, { nullable: true, description: "How it is run." })
  settings?: UpdateRunSettingsInput | null;
}

@ArgsType()
export class DeleteFunctionArgs extends NameArgs {
  @Field(() => Boolean, { defaultValue: false, description: "Whether its triggers go with it." })
  deleteTriggers!: boolean;
}

@ArgsType()
export class RollbackFunctionArgs extends NameArgs {
  @Field(() => Int, { description: "The number of the version to make current." })
  toVersion!: number;
}
