import { AppError, badInput } from "../errors/app-error.js";
import type { Destination } from "../model/async-invocation.js";
import type { Invocation, InvocationResult } from "../model/invocation.js";
import { topicNameFault } from "../model/topic-message.js";
import type { RequestContext } from "../model/request-context.js";
import type { InvokeFunctionInput } from "../schema/invoke-function.input.js";
import type { FunctionSpec } from "../model/function.js";
import type { DestinationInput, EnqueueInvocationInput } from "../schema/invoke-function.input.js";
import type { AsyncOperations, FunctionOperations, InvokeOperation } from "./operations.js";
import { getNamed } from "./record-filters.js";

/** Runs a function that is named, not identified: finds it and its version, then goes through the one door. */
export class FunctionInvoker {
  constructor(
    private readonly functions: Pick<FunctionOperations, "find" | "version">,
    private readonly invoker: InvokeOperation,
    private readonly queue: Pick<AsyncOperations, "enqueue">,
  ) {}

  async invoke(ctx: RequestContext, input: InvokeFunctionInput): Promise<Invocation & { result: InvocationResult }> {
    const { namespace, function: name, version, method, path, headers, body } = input;
    const { id: functionId } = await getNamed(this.functions, ctx, { namespace, name }, "function");
    await this.#checkVersion(functionId, version);
    const { invocation, result } = await this.invoker.invoke(ctx, {
      functionId,
      version: version ?? null,
      method,
      path,
      headers: (headers ?? []).map((header) => [header.name, header.value]),
      body: body ?? undefined,
      source: "GRAPHQL",
      triggerId: null,
    });
    return { ...invocation, result };
  }

  /** Resolves when it is stored. */
  async enqueue(ctx: RequestContext, input: EnqueueInvocationInput): Promise<Invocation> {
    const { namespace, function: name, version, method, path, headers, body } = input;
    const fn = await getNamed(this.functions, ctx, { namespace, name }, "function");
    await this.#checkVersion(fn.id, version);
    const { delaySeconds, maxAttempts, idempotencyKey, onSuccess, onFailure } = input;
    const { invocation } = await this.queue.enqueue({
      namespace,
      functionId: fn.id,
      version: version ?? null,
      currentVersion: fn.currentVersionNumber,
      ...{ source: "GRAPHQL", triggerId: null, route: null },
      method,
      target: path,
      headers: (headers ?? []).map((header) => [header.name, header.value]),
      body: Buffer.from(body ?? ""),
      ...{ delaySeconds, maxAttempts, idempotencyKey: idempotencyKey ?? null },
      onSuccess: await this.#destination(ctx, fn, "onSuccess", onSuccess),
      onFailure: await this.#destination(ctx, fn, "onFailure", onFailure),
    });
    return invocation;
  }

  async #destination(
    ctx: RequestContext,
    { namespace }: FunctionSpec,
    field: string,
    given: DestinationInput | null | undefined,
  ): Promise<Destination | null> {
    if (given === null || given === undefined) return null;
    const { function: name, topic } = given;
    if ((name == null) === (topic == null)) throw badInput(field, `${field} must name either a function or a topic.`);
    if (topic != null) {
      const fault = topicNameFault(`${field}.topic`, topic);
      if (fault !== undefined) throw badInput(fault.field, `${fault.field} ${fault.message}.`);
      return { topic };
    }
    const to = await getNamed(this.functions, ctx, { namespace, name: name ?? "" }, `${field}.function`);
    return { functionId: to.id };
  }

  async #checkVersion(functionId: string, version: number | null | undefined): Promise<void> {
    if (version === null || version === undefined) return;
    if ((await this.functions.version(functionId, version)) !== undefined) return;
    throw new AppError("NOT_FOUND", "The function has no version with this number.", { field: "version" });
  }
}
