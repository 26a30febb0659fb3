/**
 * Asynchronous invocations as callers see them. Accepted is what is stored, and from then on it runs at least once: who
 * was not answered knows nothing, and may ask again under the same idempotency key.
 */
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { Coalescer } from "../lib/coalescer.js";
import { newId } from "../lib/new-id.js";
import { newKey } from "../lib/new-key.js";
import { asyncLimits, type NewAsyncInvocation } from "../model/async-invocation.js";
import type { Accepted } from "../model/async-work.js";
import type { Invocation, InvocationResult, InvocationStatus } from "../model/invocation.js";
import type { InvocationFilter } from "../model/record-filter.js";
import type { AsyncStore } from "./async-queue.js";
import { toText } from "./invoke-answer.js";

const mebibyte = 1024 * 1024;

export interface AsyncInvocationsOptions {
  readonly store: AsyncStore;
  /** For saying why one can't be called off or run again. */
  readonly invocations: { find(id: string): Promise<Invocation | undefined> };
  readonly clock: Clock;
}

/** What a caller asks for; the rest is made here. */
export type AsyncRequest = Omit<NewAsyncInvocation, "id" | "acceptedAt" | "statusToken" | "depth"> & {
  readonly id?: string;
};

export class AsyncInvocations {
  readonly #intake: Coalescer<NewAsyncInvocation, Accepted>;

  constructor(private readonly options: AsyncInvocationsOptions) {
    this.#intake = new Coalescer({
      work: (given) => options.store.enqueue(given),
      maxItems: 500,
      weightOf,
      maxWeight: 8 * mebibyte,
      line: { items: 10_000, weight: 64 * mebibyte, ms: 4_000 },
      full: () => new AppError("QUEUE_FULL", "More comes than can be stored at the moment.", { retryAfterSeconds: 1 }),
      isForAll: (error) => error instanceof AppError && error.code === "STORE_UNAVAILABLE",
      clock: options.clock,
    });
  }

  /**
   * Resolves when it is stored. Rejects with STORE_UNAVAILABLE within five seconds where it can't be, or ten where the
   * store answers, but slowly; with QUEUE_FULL where more comes than it takes; and with CONFLICT where its key was used for
   * another request of the function.
   */
  async enqueue(request: AsyncRequest): Promise<Accepted> {
    refuseTooLarge(request);
    const accepted = await this.#intake.run({
      ...request,
      id: request.id ?? newId(),
      acceptedAt: this.options.clock.now(),
      statusToken: newKey(),
      depth: 0,
    });
    if (accepted.isOfOther) throw keyOfOther(accepted.invocation);
    return accepted;
  }

  /** One that waits never begins; one that runs is aborted, wherever it does. */
  async cancel(id: string): Promise<Invocation> {
    const cancelled = await this.options.store.cancel(id);
    return cancelled ?? this.#refuse(id, "can be called off", ["QUEUED", "RUNNING"]);
  }

  async redrive(id: string): Promise<Invocation> {
    const redriven = await this.options.store.redrive(id);
    return redriven ?? this.#refuse(id, "can be run again", ["DEAD"]);
  }

  redriveAll(filter: InvocationFilter, limit: number): Promise<number> {
    return this.options.store.redriveAll(filter, limit);
  }

  async results(ids: readonly string[]): Promise<Map<string, InvocationResult>> {
    const kept = await this.options.store.results(ids);
    return new Map(
      [...kept].map(([id, { httpStatus, headers, body }]) => [id, { httpStatus, headers, ...toText(body) }]),
    );
  }

  /** How far it has come, for who has the secret that was given when it was accepted. */
  async status(
    id: string,
    token: string,
  ): Promise<{ invocation: Invocation; result: InvocationResult | null } | undefined> {
    const invocation = await this.options.store.findByToken(id, token);
    if (invocation === undefined) return undefined;
    return { invocation, result: (await this.results([id])).get(id) ?? null };
  }

  /** Resolves when all that was being stored is, or is refused. */
  idle(): Promise<void> {
    return this.#intake.idle();
  }

  async #refuse(id: string, what: string, statuses: readonly InvocationStatus[]): Promise<never> {
    const invocation = await this.options.invocations.find(id);
    if (invocation === undefined) {
      throw new AppError("NOT_FOUND", "There is no such invocation; it may be older than what is kept.", {
        field: "id",
      });
    }
    const isAsync = await this.options.store.isAsync(id);
    const why = isAsync
      ? `This invocation is ${invocation.status}: only one that is ${statuses.join(" or ")} ${what}.`
      : `This invocation was not enqueued: only an asynchronous one ${what}.`;
    throw new AppError("CONFLICT", why, { field: "id" });
  }
}

/** About what is kept and sent of it. */
function weightOf({ body, target, headers }: NewAsyncInvocation): number {
  const head = headers.reduce((sum, [name, value]) => sum + name.length + value.length + 100, target.length);
  return body.length + head;
}

function refuseTooLarge({ method, target, headers, route, body }: AsyncRequest): void {
  if (body.length > asyncLimits.bodyBytes) throw asyncBodyTooLarge();
  const head = JSON.stringify([method, target, headers, route]);
  if (Buffer.byteLength(head) > asyncLimits.headBytes) {
    throw new AppError(
      "HEADERS_TOO_LARGE",
      `Path and headers of an asynchronous invocation may have ${asyncLimits.headBytes / 1024} KiB together at most.`,
    );
  }
}

const keyOfOther = ({ id }: Invocation): AppError =>
  new AppError(
    "CONFLICT",
    `This idempotency key was used for another request of this function, invocation ${id}: method, path or body differ. Use a key of its own.`,
    { field: "idempotencyKey" },
  );

export const asyncBodyTooLarge = (): AppError =>
  new AppError("BODY_TOO_LARGE", "The body of an asynchronous invocation may have 1 MiB at most.", { field: "body" });
