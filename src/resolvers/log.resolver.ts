import { Args, Ctx, FieldResolver, Query, Resolver, Root } from "type-graphql";
import type { FunctionSpec } from "../model/function.js";
import type { LogLine } from "../model/log-line.js";
import type { ConnectionShape } from "../schema/connection.type.js";
import { LogConnection } from "../schema/connections.js";
import { FunctionType } from "../schema/function.type.js";
import { LogsArgs } from "../schema/list.args.js";
import { LogLineType } from "../schema/log-line.type.js";
import { type ApiContext, getReferred } from "./api-context.js";
import { connectUncounted, eitherWay } from "./connection.js";
import type { FunctionOperations, LogOperations } from "./operations.js";
import { logFilter } from "./record-filters.js";

@Resolver(() => LogLineType)
export class LogResolver {
  constructor(
    private readonly lines: LogOperations,
    private readonly functions: Pick<FunctionOperations, "findRecorded">,
  ) {}

  @Query(() => LogConnection, { description: "Newest last; `last: 100` is the tail." })
  async logs(
    @Args(() => LogsArgs) { filter, ...page }: LogsArgs,
    @Ctx() ctx: ApiContext,
  ): Promise<ConnectionShape<LogLine>> {
    const resolved = await logFilter(this.functions, ctx, filter);
    return connectUncounted(this.lines.list(resolved, eitherWay(page)));
  }

  @FieldResolver(() => FunctionType, { description: "The function whose instance printed it." })
  function(@Root() { functionId }: LogLine, @Ctx() { loaders }: ApiContext): Promise<FunctionSpec> {
    return getReferred(loaders.functions, functionId, "function");
  }
}
