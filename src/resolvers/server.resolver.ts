import { Ctx, FieldResolver, Query, Resolver } from "type-graphql";
import type { Check } from "../model/check.js";
import type { ServerProcess } from "../model/server-process.js";
import type { Principal } from "../model/request-context.js";
import { CheckType, ServerProcessType, ServerType, ViewerType } from "../schema/server.type.js";
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

  @FieldResolver(() => String, {
    description: "What runs the instances: local, or Kubernetes with its version and nodes.",
  })
  cluster(): Promise<string> {
    return this.operations.cluster();
  }

  @FieldResolver(() => [ServerProcessType], { description: "The processes of this installation that run." })
  processes(): Promise<readonly ServerProcess[]> {
    return this.operations.processes();
  }

  @FieldResolver(() => [CheckType], {
    description:
      "What an operator would want to be told: store, migrations, cluster access, lease, image pulls, clock, dropped records.",
  })
  checks(): Promise<readonly Check[]> {
    return this.operations.checks();
  }
}
