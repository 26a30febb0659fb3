import { Arg, Args, Ctx, FieldResolver, Mutation, Query, Resolver, Root } from "type-graphql";
import type { FunctionSpec } from "../model/function.js";
import type { Invocation, InvocationResult } from "../model/invocation.js";
import type { LogLine } from "../model/log-line.js";
import type { Trigger } from "../model/trigger.js";
import type { ConnectionShape } from "../schema/connection.type.js";
import { InvocationConnection, LogConnection } from "../schema/connections.js";
import { FunctionType } from "../schema/function.type.js";
import { InvocationResultType, InvocationType } from "../schema/invocation.type.js";
import { InvokeFunctionInput } from "../schema/invoke-function.input.js";
import { InvocationsArgs } from "../schema/list.args.js";
import { type FirstArgs, First100Args, IdArgs } from "../schema/resource.args.js";
import { TriggerType } from "../schema/trigger.type.js";
import { type ApiContext, getReferred } from "./api-context.js";
import { resultComplexity } from "./complexity.js";
import { connectUncounted, forward } from "./connection.js";
import type { FunctionInvoker } from "./function-invoker.js";
import type { FunctionOperations, InvocationOperations } from "./operations.js";
import { invocationFilter } from "./record-filters.js";

@Resolver(() => InvocationType)
export class InvocationResolver {
  constructor(
    private readonly invocations: InvocationOperations,
    private readonly functions: Pick<FunctionOperations, "findRecorded">,
    private readonly invoker: FunctionInvoker,
  ) {}

  @Query(() => InvocationType, { nullable: true, description: "The invocation with this id; null where none is kept." })
  invocation(@Args(() => IdArgs) { id }: IdArgs): Promise<Invocation | undefined> {
    return this.invocations.find(id);
  }

  @Query(() => InvocationConnection, { name: "invocations", description: "Invocations, newest first." })
  async listInvocations(
    @Args(() => InvocationsArgs) { filter, ...page }: InvocationsArgs,
    @Ctx() ctx: ApiContext,
  ): Promise<ConnectionShape<Invocation>> {
    const resolved = await invocationFilter(this.functions, ctx, filter);
    return connectUncounted(this.invocations.list(resolved, forward(page)));
  }

  @Mutation(() => InvocationType, { description: "Runs the function and waits for its answer." })
  invokeFunction(
    @Arg("input", () => InvokeFunctionInput, { description: "The request." }) input: InvokeFunctionInput,
    @Ctx() ctx: ApiContext,
  ): Promise<Invocation & { result: InvocationResult }> {
    return this.invoker.invoke(ctx, input);
  }

  @FieldResolver(() => FunctionType, { description: "Also when it has been deleted since." })
  function(@Root() { functionId }: Invocation, @Ctx() { loaders }: ApiContext): Promise<FunctionSpec> {
    return getReferred(loaders.functions, functionId, "function");
  }

  @FieldResolver(() => TriggerType, { nullable: true, description: "What called; null where no trigger did." })
  async trigger(@Root() { triggerId }: Invocation, @Ctx() { loaders }: ApiContext): Promise<Trigger | undefined> {
    return triggerId === null ? undefined : loaders.triggers.load(triggerId);
  }

  @FieldResolver(() => InvocationResultType, {
    nullable: true,
    complexity: resultComplexity,
    description: "In the answer of invokeFunction; kept in the store for asynchronous invocations only, up to 1 MiB.",
  })
  async result(
    @Root() { id, result }: Invocation & { result?: InvocationResult },
    @Ctx() { loaders }: ApiContext,
  ): Promise<InvocationResult | undefined> {
    return result ?? loaders.results.load(id);
  }

  @FieldResolver(() => LogConnection, { description: "What it printed, oldest first." })
  logs(
    @Root() { id, functionId }: Invocation,
    @Args(() => First100Args) page: FirstArgs,
    @Ctx() { loaders }: ApiContext,
  ): Promise<ConnectionShape<LogLine>> {
    return connectUncounted(loaders.logsOf({ id, functionId }, forward(page)));
  }
}
