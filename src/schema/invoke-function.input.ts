import { ValidateNested } from "class-validator";
import { Field, InputType, Int } from "type-graphql";
import { asyncLimits } from "../model/async-invocation.js";
import { requestLimits } from "../model/validate-request.js";
import {
  HasAtMost,
  IsBetween,
  IsHeaderName,
  IsHeaderValue,
  IsLabel,
  IsMethod,
  IsRequestPath,
  IsText,
} from "./rules.js";

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

@InputType("DestinationInput", {
  description:
    "Where word of an invocation's end goes, what was asked and what came of it: either a function or a topic.",
})
export class DestinationInput {
  @Field(() => String, { nullable: true, description: "The name of a function of the same namespace: it is enqueued." })
  @IsLabel()
  function?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "A topic of the same namespace, in the store: word is published to it, for queue triggers whose broker is POSTGRES.",
  })
  topic?: string | null;
}

const { delaySeconds, maxAttempts, idempotencyKeyCharacters } = asyncLimits;

@InputType("EnqueueInvocationInput", { description: "A request to a function that is answered before it has run." })
export class EnqueueInvocationInput extends InvokeFunctionInput {
  @Field(() => String, {
    nullable: true,
    description: `Two enqueues of a function with one key, within 24 hours, are one invocation; with another method, path or body the second is refused with CONFLICT. 1 to ${idempotencyKeyCharacters} characters.`,
  })
  @IsText(1, idempotencyKeyCharacters)
  idempotencyKey?: string | null;

  @Field(() => Int, {
    defaultValue: 0,
    description: `For how long it is to wait before it runs: ${delaySeconds.join(" to ")}.`,
  })
  @IsBetween(...delaySeconds)
  delaySeconds!: number;

  @Field(() => Int, {
    defaultValue: 3,
    description: `How often it is tried at most, before it is DEAD: ${maxAttempts.join(" to ")}.`,
  })
  @IsBetween(...maxAttempts)
  maxAttempts!: number;

  @Field(() => DestinationInput, { nullable: true, description: "Who has word once it has SUCCEEDED." })
  @ValidateNested()
  onSuccess?: DestinationInput | null;

  @Field(() => DestinationInput, { nullable: true, description: "Who has word once it is DEAD." })
  @ValidateNested()
  onFailure?: DestinationInput | null;
}
