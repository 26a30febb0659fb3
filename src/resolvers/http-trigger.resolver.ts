import { Arg, Ctx, FieldResolver, Mutation, Resolver, Root } from "type-graphql";
import type { HttpTrigger } from "../model/trigger.js";
import { CreateHttpTriggerInput, UpdateHttpTriggerInput } from "../schema/http-trigger.input.js";
import { HttpTriggerType } from "../schema/http-trigger.type.js";
import type { ApiContext } from "./api-context.js";
import type { ServerOperations, TriggerOperations } from "./operations.js";
import { routeUrl } from "./route-url.js";

@Resolver(() => HttpTriggerType)
export class HttpTriggerResolver {
  constructor(
    private readonly triggers: TriggerOperations,
    private readonly server: ServerOperations,
  ) {}

  @Mutation(() => HttpTriggerType, { description: "Makes a route: from then on its requests reach the function." })
  createHttpTrigger(
    @Arg("input", () => CreateHttpTriggerInput, { description: "What it is to be." }) input: CreateHttpTriggerInput,
    @Ctx() ctx: ApiContext,
  ): Promise<HttpTrigger> {
    return this.triggers.createHttp(ctx, input);
  }

  @Mutation(() => HttpTriggerType, { description: "Changes a route." })
  updateHttpTrigger(
    @Arg("input", () => UpdateHttpTriggerInput, { description: "What is to change." }) input: UpdateHttpTriggerInput,
    @Ctx() ctx: ApiContext,
  ): Promise<HttpTrigger> {
    return this.triggers.updateHttp(ctx, input);
  }

  @FieldResolver(() => String, { description: "The address to call, as the router is reached from outside." })
  url(@Root() trigger: HttpTrigger): string {
    return routeUrl(this.server.info().routerUrl, trigger);
  }
}
