import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from "type-graphql";
import type { Environment } from "../model/environment.js";
import type { FunctionSpec, FunctionVersion } from "../model/function.js";
import type { Instance } from "../model/instance.js";
import type { Invocation, InvocationStats } from "../model/invocation.js";
import type { PoolView } from "../model/pool-view.js";
import type { Trigger } from "../model/trigger.js";
import type { ConnectionShape, CountedConnectionShape } from "../schema/connection.type.js";
import { FunctionConnection, FunctionVersionConnection, InvocationConnection } from "../schema/connections.js";
import { EnvironmentType } from "../schema/environment.type.js";
import { FunctionVersionType } from "../schema/function-version.type.js";
import {
  CreateFunctionInput,
  DeleteFunctionArgs,
  RollbackFunctionArgs,
  UpdateFunctionInput,
} from "../schema/function.input.js";
import { FunctionType } from "../schema/function.type.js";
import { InvocationStatsType } from "../schema/invocation.type.js";
import { FunctionInvocationsArgs, FunctionsArgs, StatsArgs } from "../schema/list.args.js";
import { InstanceType } from "../schema/pool.type.js";
import { type FirstArgs, First20Args, NameArgs } from "../schema/resource.args.js";
import { TriggerType } from "../schema/trigger.type.js";
import { type ApiContext, getReferred } from "./api-context.js";
import { connect, connectUncounted, forward } from "./connection.js";
import { listOf } from "./list-of.js";
import type { EnvironmentOperations, FunctionOperations } from "./operations.js";

@Resolver(() => FunctionType)
export class FunctionResolver {
  constructor(
    private readonly functions: FunctionOperations,
    private readonly environments: Pick<EnvironmentOperations, "count">,
    private readonly pools: PoolView,
  ) {}

  @Query(() => FunctionType, { nullable: true, description: "The function with this name; null where there is none." })
  function(@Args(() => NameArgs) name: NameArgs, @Ctx() ctx: ApiContext): Promise<FunctionSpec | undefined> {
    return this.functions.find(ctx, name);
  }

  @Query(() => FunctionConnection, { name: "functions", description: "Functions, in the order of namespace and name." })
  listFunctions(
    @Args(() => FunctionsArgs) { first, after, ...filter }: FunctionsArgs,
    @Ctx() ctx: ApiContext,
  ): Promise<CountedConnectionShape<FunctionSpec>> {
    const { namespace, environment: name } = filter;
    const owner = { namespace, name, field: "environment", among: this.environments };
    const page = listOf(ctx, owner, this.functions.list(ctx, filter, forward({ first, after })));
    return connect(page, () => this.functions.count(ctx, filter));
  }

  @Mutation(() => FunctionType, { description: "Makes a function and its version 1." })
  createFunction(
    @Arg("input", () => CreateFunctionInput, { description: "What it is to be." }) input: CreateFunctionInput,
    @Ctx() ctx: ApiContext,
  ): Promise<FunctionSpec> {
    return this.functions.create(ctx, input);
  }

  @Mutation(() => FunctionType, { description: "Changes a function; a change of what runs makes its next version." })
  updateFunction(
    @Arg("input", () => UpdateFunctionInput, { description: "What is to change." }) input: UpdateFunctionInput,
    @Ctx() ctx: ApiContext,
  ): Promise<FunctionSpec> {
    return this.functions.update(ctx, input);
  }

  @Mutation(() => FunctionType, {
    description: "Takes its triggers along; refused (IN_USE) where it has some and deleteTriggers is false.",
  })
  deleteFunction(
    @Args(() => DeleteFunctionArgs) { deleteTriggers, ...name }: DeleteFunctionArgs,
    @Ctx() ctx: ApiContext,
  ): Promise<FunctionSpec> {
    return this.functions.delete(ctx, name, { deleteTriggers });
  }

  @Mutation(() => FunctionType, { description: "Makes an earlier version current, at once." })
  rollbackFunction(
    @Args(() => RollbackFunctionArgs) { toVersion, ...name }: RollbackFunctionArgs,
    @Ctx() ctx: ApiContext,
  ): Promise<FunctionSpec> {
    return this.functions.rollback(ctx, name, toVersion);
  }

  @FieldResolver(() => EnvironmentType, { description: "Of the current version." })
  environment(@Root() { environmentId }: FunctionSpec, @Ctx() { loaders }: ApiContext): Promise<Environment> {
    return getReferred(loaders.environments, environmentId, "environment");
  }

  @FieldResolver(() => FunctionVersionType, { description: "The version that traffic gets." })
  currentVersion(@Root() { currentVersionId }: FunctionSpec, @Ctx() { loaders }: ApiContext): Promise<FunctionVersion> {
    return getReferred(loaders.versions, currentVersionId, "version");
  }

  @FieldResolver(() => FunctionVersionConnection, { description: "Its versions, newest first." })
  versions(
    @Root() { id }: FunctionSpec,
    @Args(() => First20Args) page: FirstArgs,
    @Ctx() { loaders }: ApiContext,
  ): Promise<CountedConnectionShape<FunctionVersion>> {
    return connect(loaders.versionsOf(id, forward(page)), () => loaders.versionCount.load(id));
  }

  @FieldResolver(() => [TriggerType], { description: "What calls it, in the order of their names." })
  triggers(@Root() { id }: FunctionSpec, @Ctx() { loaders }: ApiContext): Promise<readonly Trigger[]> {
    return loaders.triggersOfFunction.load(id);
  }

  @FieldResolver(() => [InstanceType], { description: "The instances that run it now, of all its versions." })
  instances(@Root() { id }: FunctionSpec): readonly Instance[] {
    return this.pools.instancesOf(id);
  }

  @FieldResolver(() => InvocationConnection, { description: "Its invocations, newest first." })
  invocations(
    @Root() { id }: FunctionSpec,
    @Args(() => FunctionInvocationsArgs) { status, ...page }: FunctionInvocationsArgs,
    @Ctx() { loaders }: ApiContext,
  ): Promise<ConnectionShape<Invocation>> {
    return connectUncounted(loaders.invocationsOf(id, { page: forward(page), status: status ?? undefined }));
  }

  @FieldResolver(() => InvocationStatsType, { description: "Counts and times of its latest invocations." })
  stats(
    @Root() { id }: FunctionSpec,
    @Args(() => StatsArgs) { windowSeconds }: StatsArgs,
    @Ctx() { loaders }: ApiContext,
  ): Promise<InvocationStats> {
    return loaders.statsOf(id, windowSeconds);
  }
}
