import { Args, Ctx, FieldResolver, Query, Resolver, Root } from "type-graphql";
import type { Environment } from "../model/environment.js";
import type { FunctionSpec } from "../model/function.js";
import type { Instance, Pool } from "../model/instance.js";
import type { PoolView } from "../model/pool-view.js";
import { EnvironmentType } from "../schema/environment.type.js";
import { FunctionType } from "../schema/function.type.js";
import { InstanceType, PoolType } from "../schema/pool.type.js";
import { NamespaceArgs } from "../schema/resource.args.js";
import { type ApiContext, getReferred } from "./api-context.js";
import { poolsOf } from "./pool-of.js";

@Resolver(() => PoolType)
export class PoolResolver {
  constructor(private readonly view: PoolView) {}

  @Query(() => [PoolType], { description: "The pools of all environments, in the order of namespace and name." })
  pools(@Args(() => NamespaceArgs) { namespace }: NamespaceArgs, @Ctx() { loaders }: ApiContext): Promise<Pool[]> {
    return poolsOf(this.view, loaders.environments, namespace);
  }

  @FieldResolver(() => EnvironmentType, { description: "The environment whose instances these are." })
  environment(@Root() { environmentId }: Pool, @Ctx() { loaders }: ApiContext): Promise<Environment> {
    return getReferred(loaders.environments, environmentId, "environment");
  }
}

@Resolver(() => InstanceType)
export class InstanceResolver {
  @FieldResolver(() => EnvironmentType, { description: "The environment it is an instance of." })
  environment(@Root() { environmentId }: Instance, @Ctx() { loaders }: ApiContext): Promise<Environment> {
    return getReferred(loaders.environments, environmentId, "environment");
  }

  @FieldResolver(() => FunctionType, { nullable: true, description: "The function it runs; null while it runs none." })
  async function(@Root() { functionId }: Instance, @Ctx() { loaders }: ApiContext): Promise<FunctionSpec | undefined> {
    return functionId === null ? undefined : loaders.functions.load(functionId);
  }
}
