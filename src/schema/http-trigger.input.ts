import { ValidateNested } from "class-validator";
import { ArgsType, Field, ID, InputType, Int } from "type-graphql";
import type { HttpTriggerChange, NewCorsPolicy, NewHttpTrigger } from "../model/inputs.js";
import { IdArgs } from "./resource.args.js";
import {
  AreHeaderNames,
  AreMethods,
  AreOrigins,
  IsBetween,
  IsHostName,
  IsId,
  IsLabel,
  IsRoutePath,
  rule,
} from "./rules.js";

/** A browser ignores credentials of "any origin", so such a policy would only look as if it worked. */
const FitsOrigins = (): PropertyDecorator =>
  rule(
    "fitsOrigins",
    "must be false where allowOrigins is '*'",
    (value, { allowOrigins }: Partial<NewCorsPolicy>) => value !== true || !allowOrigins?.includes("*"),
  );

@InputType("CorsPolicyInput", { description: "Which pages of other origins a browser lets call the route." })
export class CorsPolicyInput implements NewCorsPolicy {
  @Field(() => [String], { description: "Origins such as https://app.example.com, or * alone for any." })
  @AreOrigins()
  allowOrigins!: string[];

  @Field(() => [String], {
    nullable: true,
    description: "Methods that such a page may use; the route's where left out.",
  })
  @AreMethods(0)
  allowMethods?: string[] | null;

  @Field(() => [String], { nullable: true, description: "Request headers that such a page may send." })
  @AreHeaderNames()
  allowHeaders?: string[] | null;

  @Field(() => [String], { nullable: true, description: "Response headers that such a page may read." })
  @AreHeaderNames()
  exposeHeaders?: string[] | null;

  @Field(() => Boolean, { defaultValue: false, description: "Whether cookies and authorization may be sent along." })
  @FitsOrigins()
  allowCredentials!: boolean;

  @Field(() => Int, {
    defaultValue: 600,
    description: "How long a browser may keep its preflight's answer: 0 to 86400.",
  })
  @IsBetween(0, 86_400)
  maxAgeSeconds!: number;
}

@InputType("CreateHttpTriggerInput", { description: "A new route." })
export class CreateHttpTriggerInput implements NewHttpTrigger {
  @Field(() => String, { defaultValue: "default", description: "The namespace it is to live in, its function's." })
  @IsLabel()
  namespace!: string;

  @Field(() => String, { nullable: true, description: "Made from method and path where left out." })
  @IsLabel()
  name?: string | null;

  @Field(() => String, { description: "The name of the function to call." })
  @IsLabel()
  function!: string;

  @Field(() => [String], { defaultValue: ["GET"], description: "The HTTP methods it answers; HEAD follows GET." })
  @AreMethods(1)
  methods!: string[];

  @Field(() => String, { description: "Such as /users, /users/{id} or /files/*." })
  @IsRoutePath()
  path!: string;

  @Field(() => String, { nullable: true, description: "The host it answers on; any where left out." })
  @IsHostName()
  host?: string | null;

  @Field(() => CorsPolicyInput, {
    nullable: true,
    description: "Which other origins may call it; none where left out.",
  })
  @ValidateNested()
  cors?: CorsPolicyInput | null;
}

@InputType("UpdateHttpTriggerInput", { description: "A change of a route. What is left out stays as it is." })
export class UpdateHttpTriggerInput implements HttpTriggerChange {
  @Field(() => ID, { description: "The route's id: a UUID." })
  @IsId()
  id!: string;

  @Field(() => Int, { nullable: true, description: "Refused (CONFLICT) where the revision is another by now." })
  @IsBetween(1, 2_147_483_647)
  expectedRevision?: number | null;

  @Field(() => String, { nullable: true, description: "The name of the function to call, in the same namespace." })
  @IsLabel()
  function?: string | null;

  @Field(() => [String], { nullable: true, description: "The HTTP methods it answers." })
  @AreMethods(1)
  methods?: string[] | null;

  @Field(() => String, { nullable: true, description: "Such as /users, /users/{id} or /files/*." })
  @IsRoutePath()
  path?: string | null;

  @Field(() => String, { nullable: true, description: "The host it answers on; null goes back to any." })
  @IsHostName()
  host?: string | null;

  @Field(() => CorsPolicyInput, { nullable: true, description: "Which other origins may call it." })
  @ValidateNested()
  cors?: CorsPolicyInput | null;
}

@ArgsType()
export class SetTriggerEnabledArgs extends IdArgs {
  @Field(() => Boolean, { description: "Whether it is to call its function." })
  enabled!: boolean;
}
