import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from "type-graphql";
import type { Environment } from "../model/environment.js";
import type { FunctionSpec } from "../model/function.js";
import type { Pool } from "../model/instance.js";
import type { PoolView } from "../model/pool-view.js";
import type { CountedConnectionShape } from "../schema/connection.type.js";
import { EnvironmentConnection, FunctionConnection } from "../schema/connections.js";
import { CreateEnvironmentInput, UpdateEnvironmentInput } from "../schema/environment.input.js";
import { EnvironmentType } from "../schema/environment.type.js";
import { EnvironmentsArgs } from "../schema/list.args.js";
import { PoolType } from "../schema/pool.type.js";
import { type FirstArgs, First50Args, NameArgs } from "../schema/resource.args.js";
import type { ApiContext } from "./api-context.js";
import { connect, forward } from "./connection.js";
import type { EnvironmentOperations } from "./operations.js";
import { poolOf } from "./pool-of.js";

@Resolver(() => EnvironmentType)
export class EnvironmentResolver {
  constructor(
    private readonly environments: EnvironmentOperations,
    private readonly pools: PoolView,
  ) {}

  @Query(() => EnvironmentType, {
    nullable: true,
    description: "The environment with this name; null where there is none.",
  })
  environment(@Args(() => NameArgs) name: NameArgs, @Ctx() ctx: ApiContext): Promise<Environment | undefined> {
    return this.environments.find(ctx, name);
  }

  @Query(() => EnvironmentConnection, {
    name: "environments",
    description: "Environments, in the order of namespace and name.",
  })
  listEnvironments(
    @Args(() => EnvironmentsArgs) { namespace, ...page }: EnvironmentsArgs,
    @Ctx() ctx: ApiContext,
  ): Promise<CountedConnectionShape<Environment>> {
    return connect(this.environments.list(ctx, { namespace }, forward(page)), () =>
      this.environments.count(ctx, { namespace }),
    );
  }

  @Mutation(() => EnvironmentType, { description: "Makes an environment and fills its pool." })
  createEnvironment(
    @Arg("input", () => CreateEnvironmentInput, { description: "What it is to be." }) input: CreateEnvironmentInput,
    @Ctx() ctx: ApiContext,
  ): Promise<Environment> {
    return this.environments.create(ctx, input);
  }

  @Mutation(() => EnvironmentType, {
    description: "Changes an environment; its warm instances are replaced where need be.",
  })
  updateEnvironment(
    @Arg("input", () => UpdateEnvironmentInput, { description: "What is to change." }) input: UpdateEnvironmentInput,
    @Ctx() ctx: ApiContext,
  ): Promise<Environment> {
    return this.environments.update(ctx, input);
  }

  @Mutation(() => EnvironmentType, { description: "Refused (IN_USE) while a function uses it." })
  deleteEnvironment(@Args(() => NameArgs) name: NameArgs, @Ctx() ctx: ApiContext): Promise<Environment> {
    return this.environments.delete(ctx, name);
  }

  @FieldResolver(() => FunctionConnection, { description: "The functions whose current version runs in it." })
  functions(
    @Root() { id }: Environment,
    @Args(() => First50Args) page: FirstArgs,
    @Ctx() { loaders }: ApiContext,
  ): Promise<CountedConnectionShape<FunctionSpec>> {
    return connect(loaders.functionsOf(id, forward(page)), () => loaders.functionCount.load(id));
  }

  @FieldResolver(() => PoolType, { description: "Its instances, as they are now." })
  pool(@Root() { id }: Environment): Pool {
    return poolOf(this.pools, id);
  }
}
