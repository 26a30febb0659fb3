/** Workers on a harness's database that call a function of the test's own making. */
import { setTimeout as delay } from "node:timers/promises";
import type { DataSource } from "typeorm";
import { AsyncWorker, type AsyncWorkerOptions } from "../../src/invocations/async-worker.js";
import type { InvokeRequest } from "../../src/invocations/invoke-request.js";
import { systemClock } from "../../src/lib/clock.js";
import { silentLogger } from "../../src/lib/logger.js";
import type { KeptResult } from "../../src/model/async-work.js";
import type { Invocation } from "../../src/model/invocation.js";
import { AsyncWorkRepository } from "../../src/store/repositories/async-work.repository.js";
import { anInvocation } from "./api-harness.js";

export interface FakeAnswer {
  readonly status?: number;
  readonly body?: string | Buffer;
  readonly error?: string;
  readonly waitMs?: number;
}

/** Throws what a call rejects with. */
export type FakeFunction = (request: InvokeRequest, signal: AbortSignal) => FakeAnswer | Promise<FakeAnswer>;

/** Resolves when there is room for a call. */
type Room = () => Promise<void>;

export class FakeAttempts {
  readonly calls: InvokeRequest[] = [];
  constructor(
    public answer: FakeFunction,
    private readonly room: Room = () => Promise.resolve(),
  ) {}

  readonly attempt = async (
    signal: AbortSignal,
    request: InvokeRequest,
    keepBytes: number,
    onBegun: () => void = () => {},
  ): Promise<{ invocation: Invocation; result: KeptResult | null }> => {
    await this.room();
    this.calls.push(request);
    onBegun();
    const { status = 200, body = "done", error = null, waitMs = 0 } = await this.answer(request, signal);
    const bytes = Buffer.from(body);
    const told = { functionId: request.functionId, httpStatus: status, functionVersion: request.version ?? 1, error };
    const invocation = anInvocation({ ...told, waitMs, responseBytes: bytes.length, instance: "instance-1" });
    const result = { httpStatus: status, headers: { "content-type": "text/plain" }, body: bytes };
    return { invocation, result: bytes.length > keepBytes ? null : result };
  };
}

/** Looks for work every few milliseconds, so that no test waits for a notification. */
export function startWorker(
  dataSource: DataSource,
  attempts: Pick<FakeAttempts, "attempt">,
  options: Partial<AsyncWorkerOptions> & { readonly now?: string } = {},
): AsyncWorker {
  const soon = async (signal: AbortSignal): Promise<void> => {
    await delay(10, undefined, { signal }).catch(() => undefined);
  };
  const worker = new AsyncWorker({
    work: new AsyncWorkRepository(dataSource, options.now),
    invoker: attempts,
    isReachable: () => true,
    workMayWait: soon,
    cancelled: soon,
    concurrency: 16,
    clock: systemClock,
    logger: silentLogger,
    // No backoff: what is to be tried again is tried at once.
    random: () => 0,
    ...options,
  });
  worker.start();
  return worker;
}

/** Resolves when the signal aborts, with its reason. */
export const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
