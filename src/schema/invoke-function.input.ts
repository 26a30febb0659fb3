import { ValidateNested } from "class-validator";
import { Field, InputType, Int } from "type-graphql";
import { requestLimits } from "../model/validate-request.js";
import { HasAtMost, IsBetween, IsHeaderName, IsHeaderValue, IsLabel, IsMethod, IsRequestPath } from "./rules.js";

@InputType("HeaderInput", { description: "One header line of a request." })
export class HeaderInput {
  @Field(() => String, { description: "The header's name." })
  @IsHeaderName()
  name!: string;

  @Field(() => String, { description: "The header's value." })
  @IsHeaderValue()
  value!: string;
}

@InputType("InvokeFunctionInput", { description: "A request to a function." })
export class InvokeFunctionInput {
  @Field(() => String, { defaultValue: "default", description: "The namespace the function lives in." })
  @IsLabel()
  namespace!: string;

  @Field(() => String, { description: "The function's name." })
  @IsLabel()
  function!: string;

  @Field(() => Int, {
    nullable: true,
    description: "The number of the version to run; the current one where left out.",
  })
  @IsBetween(1, 2_147_483_647)
  version?: number | null;

  @Field(() => String, { defaultValue: "POST", description: "The request's HTTP method." })
  @IsMethod()
  method!: string;

  @Field(() => String, { defaultValue: "/", description: "The request's path, with its query string." })
  @IsRequestPath()
  path!: string;

  @Field(() => [HeaderInput], { nullable: true, description: "The request's headers." })
  @HasAtMost(requestLimits.headers)
  @ValidateNested({ each: true })
  headers?: HeaderInput[] | null;

  @Field(() => String, { nullable: true, description: "The request's body." })
  body?: string | null;
}
