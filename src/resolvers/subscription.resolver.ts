import { Args, Resolver, Root, Subscription, type SubscribeResolverData } from "type-graphql";
import type { Change } from "../model/change.js";
import type { Pool } from "../model/instance.js";
import type { Invocation } from "../model/invocation.js";
import type { LogLine } from "../model/log-line.js";
import { ResourceChangeType } from "../schema/change.type.js";
import { InvocationType } from "../schema/invocation.type.js";
import { LogLineType } from "../schema/log-line.type.js";
import { PoolType } from "../schema/pool.type.js";
import { NamespaceArgs } from "../schema/resource.args.js";
import { FollowInvocationsArgs, FollowLogsArgs, PoolChangesArgs } from "../schema/subscription.args.js";
import type { ApiContext } from "./api-context.js";
import type { Subscriptions } from "./subscriptions.js";

type Sources = { [K in keyof Subscriptions]: Subscriptions[K] };

/** The source of a subscription, found in the operation's context. Its arguments are checked there, once. */
const source =
  (name: keyof Sources) =>
  ({ context, args }: SubscribeResolverData): Promise<AsyncGenerator> => {
    const ctx = context as ApiContext;
    const subscribe = ctx.subscriptions[name].bind(ctx.subscriptions) as (
      ctx: ApiContext,
      args: unknown,
    ) => Promise<AsyncGenerator>;
    return subscribe(ctx, args);
  };

@Resolver()
export class SubscriptionResolver {
  @Subscription(() => LogLineType, {
    subscribe: source("logs") as never,
    description:
      "Live log lines, from now on; with `tail`, that many earlier ones first. No gap, no repeat between the two.",
  })
  logs(@Root() line: LogLine, @Args(() => FollowLogsArgs, { validate: false }) _args: FollowLogsArgs): LogLine {
    return line;
  }

  @Subscription(() => InvocationType, {
    subscribe: source("invocations") as never,
    description: "An invocation each time its status changes.",
  })
  invocations(
    @Root() invocation: Invocation,
    @Args(() => FollowInvocationsArgs, { validate: false }) _args: FollowInvocationsArgs,
  ): Invocation {
    return invocation;
  }

  @Subscription(() => ResourceChangeType, {
    subscribe: source("resourceChanges") as never,
    description: "What was created, updated or deleted.",
  })
  resourceChanges(
    @Root() change: Change,
    @Args(() => NamespaceArgs, { validate: false }) _args: NamespaceArgs,
  ): ResourceChangeType {
    return change;
  }

  @Subscription(() => PoolType, {
    subscribe: source("poolChanges") as never,
    description: "A pool each time one of its counts changes.",
  })
  poolChanges(@Root() pool: Pool, @Args(() => PoolChangesArgs, { validate: false }) _args: PoolChangesArgs): Pool {
    return pool;
  }
}
