import { Ctx, FieldResolver, Query, Resolver } from "type-graphql";
import type { Check } from "../model/check.js";
import type { Principal } from "../model/request-context.js";
import { CheckType, ServerType, ViewerType } from "../schema/server.type.js";
import type { ApiContext } from "./api-context.js";
import type { ServerInfo, ServerOperations } from "./operations.js";

@Resolver(() => ServerType)
export class ServerResolver {
  constructor(private readonly operations: ServerOperations) {}

  @Query(() => ViewerType, { description: "Who you are to this server." })
  viewer(@Ctx() { principal }: ApiContext): Principal {
    return principal;
  }

  @Query(() => ServerType, { description: "This server, and whether all is well with it." })
  server(): ServerInfo {
    return this.operations.info();
  }

  @FieldResolver(() => [CheckType], {
    description:
      "What an operator would want to be told: store, migrations, cluster access, lease, image pulls, clock, dropped records.",
  })
  checks(): Promise<readonly Check[]> {
    return this.operations.checks();
  }
}
