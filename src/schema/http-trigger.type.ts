import { Field, Int, ObjectType } from "type-graphql";
import type { CorsPolicy, HttpTrigger, RouteMode } from "../model/trigger.js";
import { RouteModeEnum } from "./enums.js";
import { ResourceType } from "./resource.type.js";
import { TriggerType } from "./trigger.type.js";

@ObjectType("CorsPolicy", { description: "Which pages of other origins a browser lets call the route." })
export class CorsPolicyType implements CorsPolicy {
  @Field(() => [String], { description: "Origins such as https://app.example.com, or * for any." })
  allowOrigins!: readonly string[];

  @Field(() => [String], { description: "Methods that such a page may use." })
  allowMethods!: readonly string[];

  @Field(() => [String], { description: "Request headers that such a page may send." })
  allowHeaders!: readonly string[];

  @Field(() => [String], { description: "Response headers that such a page may read." })
  exposeHeaders!: readonly string[];

  @Field(() => Boolean, { description: "Whether cookies and authorization may be sent along." })
  allowCredentials!: boolean;

  @Field(() => Int, { description: "How long a browser may keep the answer to its preflight." })
  maxAgeSeconds!: number;
}

@ObjectType("HttpTrigger", {
  implements: [TriggerType, ResourceType],
  description:
    "A route. Exact beats template beats prefix; a named host beats any host. (host, path, method) is unique over all namespaces: a second one is refused.",
})
export class HttpTriggerType extends TriggerType implements HttpTrigger {
  readonly kind = "HTTP";

  @Field(() => [String], { description: "The HTTP methods it answers; HEAD follows GET." })
  methods!: readonly string[];

  @Field(() => String, {
    description:
      "'/users/{id}' matches one segment and hands it to the function; a path that ends in '/*' takes the whole subtree. Compared with the path as it was sent: '/a' does not answer '/%61'.",
  })
  path!: string;

  @Field(() => String, { nullable: true, description: "The host it answers on; any where null." })
  host!: string | null;

  @Field(() => CorsPolicyType, { nullable: true, description: "Which other origins may call it; none where null." })
  cors!: CorsPolicy | null;

  @Field(() => RouteModeEnum, {
    description:
      "Whether callers get the answer (SYNC), may ask for 202 with `Prefer: respond-async` (ASYNC_ALLOWED), or always get it (ASYNC).",
  })
  mode!: RouteMode;
}
