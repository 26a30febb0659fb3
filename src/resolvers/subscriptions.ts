/** The sources of the four subscriptions: arguments checked, names resolved, then a feed. */
import { validate } from "class-validator";
import { ArgumentValidationError } from "type-graphql";
import type { Change } from "../model/change.js";
import type { Pool } from "../model/instance.js";
import type { Invocation } from "../model/invocation.js";
import type { LogLine } from "../model/log-line.js";
import type { RequestContext } from "../model/request-context.js";
import { InvocationFilterInput, LogFilterInput } from "../schema/record-filter.input.js";
import { NamespaceArgs } from "../schema/resource.args.js";
import { FollowInvocationsArgs, FollowLogsArgs, PoolChangesArgs } from "../schema/subscription.args.js";
import type { ApiParts, PoolMatch } from "./operations.js";
import { defaultNamespace, getNamed, invocationFilter, logFilter } from "./record-filters.js";

export class Subscriptions {
  readonly #parts: Pick<ApiParts, "environments" | "functions" | "feeds">;

  constructor(parts: Pick<ApiParts, "environments" | "functions" | "feeds">) {
    this.#parts = parts;
  }

  async logs(ctx: RequestContext, given: FollowLogsArgs): Promise<AsyncGenerator<LogLine>> {
    const args = instance(FollowLogsArgs, { tail: given.tail, filter: instance(LogFilterInput, given.filter) });
    await check(args);
    const filter = await logFilter(this.#parts.functions, ctx, args.filter);
    return this.#parts.feeds.logs(filter, args.tail, ctx.signal);
  }

  async invocations(ctx: RequestContext, given: FollowInvocationsArgs): Promise<AsyncGenerator<Invocation>> {
    const args = instance(FollowInvocationsArgs, { filter: instance(InvocationFilterInput, given.filter ?? {}) });
    await check(args);
    const filter = await invocationFilter(this.#parts.functions, ctx, args.filter);
    return this.#parts.feeds.invocations(filter, ctx.signal);
  }

  async resourceChanges(ctx: RequestContext, given: NamespaceArgs): Promise<AsyncGenerator<Change>> {
    const args = instance(NamespaceArgs, given);
    await check(args);
    return this.#parts.feeds.changes({ namespace: args.namespace ?? undefined }, ctx.signal);
  }

  async poolChanges(ctx: RequestContext, given: PoolChangesArgs): Promise<AsyncGenerator<Pool>> {
    const args = instance(PoolChangesArgs, given);
    await check(args);
    return this.#parts.feeds.pools(await this.#poolsOf(ctx, args), ctx.signal);
  }

  async #poolsOf(ctx: RequestContext, { namespace, environment: name }: PoolChangesArgs): Promise<PoolMatch> {
    if (name) {
      const of = { namespace: namespace ?? defaultNamespace, name };
      const { id } = await getNamed(this.#parts.environments, ctx, of, "environment");
      return (environmentId) => Promise.resolve(environmentId === id);
    }
    return namespace ? this.#poolsIn(namespace) : () => Promise.resolve(true);
  }

  /** An environment never moves, so each is looked up once. */
  #poolsIn(namespace: string): PoolMatch {
    const known = new Map<string, string>();
    return async (environmentId) => {
      const found = known.get(environmentId) ?? (await this.#parts.environments.byIds([environmentId]))[0]?.namespace;
      if (found !== undefined) known.set(environmentId, found);
      return found === namespace;
    };
  }
}

const instance = <T extends object>(type: new () => T, values: object): T => Object.assign(new type(), values);

/** What resolvers get checked by type-graphql, a subscription's source gets as it was sent. */
async function check(args: object): Promise<void> {
  const errors = await validate(args, { forbidUnknownValues: false });
  if (errors.length > 0) throw new ArgumentValidationError(errors);
}
