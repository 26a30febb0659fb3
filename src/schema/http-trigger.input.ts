import { Field, InputType, Int } from "type-graphql";
import type { HttpTriggerChange, NewCorsPolicy, NewHttpTrigger } from "../model/inputs.js";
import type { RouteMode } from "../model/trigger.js";
import { corsLimits } from "../model/validate-trigger.js";
import { RouteModeEnum } from "./enums.js";
import { TriggerChangeInput } from "./trigger.input.js";

@InputType("CorsPolicyInput", { description: "Which pages of other origins a browser lets call the route." })
export class CorsPolicyInput implements NewCorsPolicy {
  @Field(() => [String], { description: "Origins such as https://app.example.com, or * alone for any." })
  allowOrigins!: string[];

  @Field(() => [String], {
    nullable: true,
    description: "Methods that such a page may use; the route's where left out.",
  })
  allowMethods?: string[] | null;

  @Field(() => [String], { nullable: true, description: "Request headers that such a page may send." })
  allowHeaders?: string[] | null;

  @Field(() => [String], { nullable: true, description: "Response headers that such a page may read." })
  exposeHeaders?: string[] | null;

  @Field(() => Boolean, { defaultValue: false, description: "Whether cookies and authorization may be sent along." })
  allowCredentials!: boolean;

  @Field(() => Int, {
    defaultValue: 600,
    description: `How long a browser may keep its preflight's answer: ${corsLimits.maxAgeSeconds.join(" to ")}.`,
  })
  maxAgeSeconds!: number;
}

@InputType("CreateHttpTriggerInput", { description: "A new route." })
export class CreateHttpTriggerInput implements NewHttpTrigger {
  @Field(() => String, { defaultValue: "default", description: "The namespace it is to live in, its function's." })
  namespace!: string;

  @Field(() => String, { nullable: true, description: "Made from method and path where left out." })
  name?: string | null;

  @Field(() => String, { description: "The name of the function to call." })
  function!: string;

  @Field(() => [String], { defaultValue: ["GET"], description: "The HTTP methods it answers; HEAD follows GET." })
  methods!: string[];

  @Field(() => String, { description: "Such as /users, /users/{id} or /files/*." })
  path!: string;

  @Field(() => String, { nullable: true, description: "The host it answers on; any where left out." })
  host?: string | null;

  @Field(() => CorsPolicyInput, {
    nullable: true,
    description: "Which other origins may call it; none where left out.",
  })
  cors?: CorsPolicyInput | null;

  @Field(() => RouteModeEnum, { defaultValue: "SYNC", description: "Whether callers wait for the answer." })
  mode!: RouteMode;
}

@InputType("UpdateHttpTriggerInput", { description: "A change of a route. What is left out stays as it is." })
export class UpdateHttpTriggerInput extends TriggerChangeInput implements HttpTriggerChange {
  @Field(() => [String], { nullable: true, description: "The HTTP methods it answers." })
  methods?: string[] | null;

  @Field(() => String, { nullable: true, description: "Such as /users, /users/{id} or /files/*." })
  path?: string | null;

  @Field(() => String, { nullable: true, description: "The host it answers on; null goes back to any." })
  host?: string | null;

  @Field(() => CorsPolicyInput, {
    nullable: true,
    description: "Which other origins may call it: a whole policy, in place of the one before; null takes it away.",
  })
  cors?: CorsPolicyInput | null;

  @Field(() => RouteModeEnum, { nullable: true, description: "Whether callers wait for the answer." })
  mode?: RouteMode | null;
}
