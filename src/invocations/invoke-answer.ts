/** What the router answers to an internal invocation, and what is made of it. */
import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { AppError } from "../errors/app-error.js";
import { isErrorCode } from "../errors/codes.js";
import type { Invocation, InvocationResult } from "../model/invocation.js";
import type { InvokeRequest } from "./invoke-request.js";

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer;
}

/** Reads the whole answer; one that is larger than `maxBytes` is refused, one that breaks off is a crash. */
export async function readAnswer(response: IncomingMessage, maxBytes: number): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError("FUNCTION_CRASHED", "The function's answer broke off.", { cause });
  }
  const headers = Object.fromEntries(
    Object.entries(response.headersDistinct).map(([name, values = []]) => [name, oneOrMany(values)]),
  );
  return { status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks) };
}

const oneOrMany = (values: string[]): string | string[] => (values.length === 1 ? (values[0] ?? "") : values);

const tooLarge = (maxBytes: number): AppError =>
  new AppError(
    "BODY_TOO_LARGE",
    `The function's answer is larger than ${Math.floor(maxBytes / 1024 / 1024)} MiB; call it through a route instead.`,
  );

/** The error that the platform, not the function, answered with; undefined where the function answered. */
export function toPlatformError({ status, headers, body }: Answer): AppError | undefined {
  const code = headers["x-fermi-error"];
  if (code === undefined) return "x-fermi-invocation" in headers ? undefined : noRouter(status);
  const message = messageOf(body);
  // Whoever called is known well enough; it is this server that is not.
  if (code === "UNAUTHENTICATED") return new AppError("INTERNAL", `The router does not trust this server. ${message}`);
  const retryAfterSeconds = Number(headers["retry-after"]);
  return new AppError(isErrorCode(code) ? code : "INTERNAL", message, {
    ...(Number.isFinite(retryAfterSeconds) ? { retryAfterSeconds } : {}),
  });
}

/** Neither answer comes from a router that was shown the right secret. */
const noRouter = (status: number): AppError =>
  new AppError("INTERNAL", "The router did not take the invocation.", { cause: new Error(`it answered ${status}`) });

function messageOf(body: Buffer): string {
  const { error } = parseObject(body.toString()) as { error?: { message?: unknown } };
  return typeof error?.message === "string" ? error.message : "The invocation failed.";
}

function parseObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** What the router says of the invocation, in X-Fermi-Invocation. */
interface Told {
  readonly functionVersion: number;
  readonly coldStart: boolean;
  readonly waitMs: number | null;
  readonly instance: string | null;
  /** Why user code failed, where its runtime says. */
  readonly error: string | null;
  readonly acceptedAt: string;
}

type ToldFields = Pick<Invocation, "functionVersion" | "coldStart" | "waitMs" | "instance" | "error" | "acceptedAt">;

function told({ headers }: Answer, startedAt: Date): ToldFields {
  const text = Buffer.from(String(headers["x-fermi-invocation"]), "base64url").toString();
  const {
    functionVersion = 0,
    coldStart = false,
    waitMs = null,
    instance = null,
    error = null,
    acceptedAt,
  }: Partial<Told> = parseObject(text);
  return {
    functionVersion,
    coldStart,
    waitMs,
    instance,
    error,
    acceptedAt: acceptedAt === undefined ? startedAt : new Date(acceptedAt),
  };
}

interface Times {
  readonly durationMs: number;
  readonly finishedAt: Date;
}

/** The invocation as its caller saw it; the router's own record differs from it at most in the last digits of its times. */
export function toInvocation(request: InvokeRequest, answer: Answer, { durationMs, finishedAt }: Times): Invocation {
  const { status } = answer;
  const isFailed = status >= 500;
  const facts = told(answer, new Date(finishedAt.getTime() - durationMs));
  return {
    id: String(answer.headers["x-fermi-invocation-id"]),
    functionId: request.functionId,
    ...facts,
    source: request.source,
    triggerId: request.triggerId,
    status: isFailed ? "FAILED" : "SUCCEEDED",
    method: request.method,
    path: request.path.split("?", 1)[0] ?? "/",
    httpStatus: status,
    error: isFailed ? (facts.error ?? `The function answered ${status}.`) : null,
    durationMs: Math.round(durationMs * 1_000) / 1_000,
    attempts: 1,
    requestBytes: Buffer.byteLength(request.body ?? ""),
    responseBytes: answer.body.length,
    finishedAt,
  };
}

/** Fermi's own headers, and those that are about the connection to the router, are not the function's. */
const isOwn = (name: string): boolean =>
  name.startsWith("x-fermi-") || ["connection", "keep-alive", "transfer-encoding"].includes(name);

export function toResult({ status, headers, body }: Answer): InvocationResult {
  const base64 = !isUtf8(body);
  return {
    httpStatus: status,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !isOwn(name))),
    body: body.toString(base64 ? "base64" : "utf8"),
    base64,
  };
}
