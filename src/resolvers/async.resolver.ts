import { Arg, Args, Ctx, Mutation, Resolver } from "type-graphql";
import { badInput } from "../errors/app-error.js";
import type { Invocation } from "../model/invocation.js";
import { EnqueueInvocationInput } from "../schema/invoke-function.input.js";
import { InvocationType, RedriveResultType } from "../schema/invocation.type.js";
import { RedriveArgs } from "../schema/list.args.js";
import { IdArgs } from "../schema/resource.args.js";
import type { ApiContext } from "./api-context.js";
import type { FunctionInvoker } from "./function-invoker.js";
import type { AsyncOperations, FunctionOperations } from "./operations.js";
import { invocationFilter } from "./record-filters.js";

@Resolver()
export class AsyncResolver {
  constructor(
    private readonly queue: AsyncOperations,
    private readonly functions: Pick<FunctionOperations, "findRecorded">,
    private readonly invoker: FunctionInvoker,
  ) {}

  @Mutation(() => InvocationType, {
    description: "Stores the invocation before it answers; it then runs at least once, retried with backoff.",
  })
  enqueueInvocation(
    @Arg("input", () => EnqueueInvocationInput, { description: "The request." }) input: EnqueueInvocationInput,
    @Ctx() ctx: ApiContext,
  ): Promise<Invocation> {
    return this.invoker.enqueue(ctx, input);
  }

  @Mutation(() => InvocationType, {
    description:
      "Calls an asynchronous invocation off: one that waits never begins; one that runs is told to end, and takes room until it does.",
  })
  cancelInvocation(@Args(() => IdArgs) { id }: IdArgs): Promise<Invocation> {
    return this.queue.cancel(id);
  }

  @Mutation(() => InvocationType, { description: "Runs a DEAD invocation again." })
  redriveInvocation(@Args(() => IdArgs) { id }: IdArgs): Promise<Invocation> {
    return this.queue.redrive(id);
  }

  @Mutation(() => RedriveResultType, { description: "Runs the oldest DEAD invocations that match again." })
  async redriveInvocations(
    @Args(() => RedriveArgs) { filter, limit }: RedriveArgs,
    @Ctx() ctx: ApiContext,
  ): Promise<RedriveResultType> {
    refuseOtherStatus(filter.status ?? []);
    const count = await this.queue.redriveAll(await invocationFilter(this.functions, ctx, filter), limit);
    return { count, hasMore: count === limit };
  }
}

function refuseOtherStatus(statuses: readonly string[]): void {
  if (statuses.every((status) => status === "DEAD")) return;
  throw badInput("filter.status", "filter.status must be DEAD or left out: nothing else can be run again.");
}
