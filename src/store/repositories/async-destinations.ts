/** Word of an invocation's end, sent in the same transaction that notes the end: exactly once, or neither. */
import { isUtf8 } from "node:buffer";
import type { EntityManager } from "typeorm";
import { AppError } from "../../errors/app-error.js";
import { newId } from "../../lib/new-id.js";
import { newKey } from "../../lib/new-key.js";
import { asyncLimits, type Destination, type NewAsyncInvocation } from "../../model/async-invocation.js";
import type { Settlement } from "../../model/async-work.js";
import type { InvocationSource } from "../../model/invocation.js";
import { insertAsync } from "./async-invocation.repository.js";
import { publishWith } from "./topic.repository.js";

/** An invocation that has ended, and where word of it goes. */
export interface WordOf {
  readonly id: string;
  readonly namespace: string;
  readonly function_id: string;
  readonly source: InvocationSource;
  readonly method: string;
  readonly target: string;
  readonly attempts: number;
  readonly depth: number;
  readonly accepted_at: Date;
  readonly finished_at: Date | null;
  readonly destination: Destination;
  readonly request_body: Buffer | null;
  readonly settlement: Settlement;
}

/** Room in a word's body for everything but the two bodies that it repeats. */
const frameBytes = 64 * 1024;

/**
 * Under the lock of the records. Resolves to why word could not be sent, by the invocation's id, where it could not: its
 * destination is no more, or full, or the chain is too long.
 */
export async function sendWord(db: EntityManager, words: readonly WordOf[], now: string): Promise<Map<string, string>> {
  const unsent = new Map<string, string>();
  if (words.length === 0) return unsent;
  const functions = await functionsOf(db, words);
  const invocations: NewAsyncInvocation[] = [];
  for (const word of words) {
    const name = functions.get(word.function_id)?.name ?? null;
    const { destination } = word;
    const why =
      word.depth >= asyncLimits.depth
        ? `it follows from ${asyncLimits.depth} others`
        : "topic" in destination
          ? await publish(db, destination.topic, word, name)
          : addTo(invocations, functions.get(destination.functionId), word, name);
    if (why !== undefined) unsent.set(word.id, `Word of its end was not sent: ${why}.`);
  }
  if (invocations.length > 0) await insertAsync(db, invocations, now);
  return unsent;
}

function addTo(
  invocations: NewAsyncInvocation[],
  to: FunctionRow | undefined,
  word: WordOf,
  name: string | null,
): string | undefined {
  if (to?.living !== true) return "the function that was to have it was deleted";
  invocations.push(wordTo(to, word, name));
  return undefined;
}

async function publish(
  db: EntityManager,
  topic: string,
  word: WordOf,
  name: string | null,
): Promise<string | undefined> {
  const body = Buffer.from(JSON.stringify(wordOf(word, name)));
  const { namespace } = word;
  const headers = { "content-type": "application/json" };
  try {
    await publishWith(db, { id: newId(), namespace, topic, key: null, headers, body });
    return undefined;
  } catch (error) {
    // It has said so without breaking the transaction.
    if (error instanceof AppError && error.code === "QUEUE_FULL") return "topics have no room left";
    throw error;
  }
}

async function functionsOf(db: EntityManager, words: readonly WordOf[]): Promise<Map<string, FunctionRow>> {
  const ids = words.flatMap(({ destination, function_id: id }) =>
    "topic" in destination ? [id] : [destination.functionId, id],
  );
  const functions: FunctionRow[] = await db.query(
    `SELECT id, name, namespace, current_version_number AS version, deleted_at IS NULL AS living
      FROM function WHERE id = ANY($1::uuid[])`,
    [[...new Set(ids)]],
  );
  return new Map(functions.map((fn) => [fn.id, fn]));
}

interface FunctionRow {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly version: number;
  readonly living: boolean;
}

const wordTo = (to: FunctionRow, word: WordOf, functionName: string | null): NewAsyncInvocation => ({
  id: newId(),
  namespace: to.namespace,
  functionId: to.id,
  version: null,
  currentVersion: to.version,
  source: word.source,
  triggerId: null,
  method: "POST",
  target: "/",
  headers: [["Content-Type", "application/json"]],
  route: null,
  body: Buffer.from(JSON.stringify(wordOf(word, functionName))),
  acceptedAt: word.finished_at ?? word.accepted_at,
  delaySeconds: 0,
  maxAttempts: 3,
  idempotencyKey: null,
  onSuccess: null,
  onFailure: null,
  depth: word.depth + 1,
  statusToken: newKey(),
});

/** What a destination is told: what was asked, what came of it. Bodies that would not fit are left out, and said to be. */
function wordOf(word: WordOf, functionName: string | null): object {
  const { settlement, request_body: request } = word;
  const { decision, result } = settlement;
  const response = result ?? null;
  const room = asyncLimits.bodyBytes - frameBytes;
  const whole = bodySize(request) + bodySize(response?.body) <= room;
  const body = (bytes: Buffer | null | undefined): object =>
    whole ? asText(bytes ?? Buffer.alloc(0)) : { body: null, base64: false, isLeftOut: true };
  return {
    invocationId: word.id,
    namespace: word.namespace,
    function: functionName,
    status: decision.state,
    error: decision.state === "SUCCEEDED" ? null : decision.error,
    attempts: word.attempts,
    acceptedAt: word.accepted_at.toISOString(),
    finishedAt: word.finished_at?.toISOString() ?? null,
    request: { method: word.method, path: word.target, ...body(request) },
    response: response && { httpStatus: response.httpStatus, headers: response.headers, ...body(response.body) },
  };
}

/** As it is written into JSON: escapes can make text six times as long, base64 makes bytes a third longer. */
const bodySize = (bytes: Buffer | null | undefined): number =>
  Buffer.byteLength(JSON.stringify(asText(bytes ?? Buffer.alloc(0))));

function asText(bytes: Buffer): { body: string; base64: boolean } {
  const base64 = !isUtf8(bytes);
  return { body: bytes.toString(base64 ? "base64" : "utf8"), base64 };
}
