/** What the router answers to an internal invocation, and what is made of it. */
import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { AppError } from "../errors/app-error.js";
import { isErrorCode } from "../errors/codes.js";
import type { Invocation, InvocationResult } from "../model/invocation.js";

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Empty where it was too large to be held. */
  readonly body: Buffer;
  readonly isDropped: boolean;
  /** What the router says of the invocation in X-Fermi-Invocation; empty where it says nothing. */
  readonly told: string;
}

/** At the answer's end, where all is known; or in the head of an answer that is nothing but a head. */
const toldHeader = "x-fermi-invocation";

/** What becomes of an answer that is larger than may be held. */
export type Oversize = "REFUSE" | "DROP_BODY";

/** Reads the whole answer; one that breaks off is a crash. */
export async function readAnswer(response: IncomingMessage, maxBytes: number, oversize: Oversize): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else if (oversize === "REFUSE") throw tooLarge(maxBytes);
      else chunks.length = 0;
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError("FUNCTION_CRASHED", "The function's answer broke off.", { cause });
  }
  const headers = Object.fromEntries(
    Object.entries(response.headersDistinct).map(([name, values = []]) => [name, oneOrMany(values)]),
  );
  const told = String(response.trailers[toldHeader] ?? headers[toldHeader] ?? "");
  const isDropped = bytes > maxBytes;
  const body = isDropped ? Buffer.alloc(0) : Buffer.concat(chunks);
  return { status: response.statusCode ?? 0, headers, body, isDropped, told };
}

const oneOrMany = (values: string[]): string | string[] => (values.length === 1 ? (values[0] ?? "") : values);

const tooLarge = (maxBytes: number): AppError =>
  new AppError(
    "BODY_TOO_LARGE",
    `The function's answer is larger than ${Math.floor(maxBytes / 1024 / 1024)} MiB; call it through a route instead.`,
  );

/** The error that the platform, not the function, answered with; undefined where the function answered. */
export function toPlatformError({ headers, body }: Answer): AppError | undefined {
  const code = headers["x-fermi-error"];
  if (code === undefined) return undefined;
  const message = messageOf(body);
  // Whoever called is known well enough; it is this server that is not.
  if (code === "UNAUTHENTICATED") return new AppError("INTERNAL", `The router does not trust this server. ${message}`);
  const retryAfterSeconds = Number(headers["retry-after"]);
  return new AppError(isErrorCode(code) ? code : "INTERNAL", message, {
    ...(Number.isFinite(retryAfterSeconds) ? { retryAfterSeconds } : {}),
  });
}

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

/**
 * The invocation as the router records it. Throws INTERNAL where the answer does not tell: it comes from no router, or
 * from one that was not shown the right key.
 */
export function toInvocation({ status, told }: Answer): Invocation {
  const { acceptedAt, finishedAt, ...rest } = parseObject(Buffer.from(told, "base64url").toString()) as ToldInvocation;
  if (acceptedAt === undefined) throw noRouter(status);
  return { ...rest, acceptedAt: new Date(acceptedAt), finishedAt: finishedAt === null ? null : new Date(finishedAt) };
}

/** As JSON has it. */
type ToldInvocation = Omit<Invocation, "acceptedAt" | "finishedAt"> & {
  readonly acceptedAt?: string;
  readonly finishedAt: string | null;
};

/** Fermi's own headers, and those that are about the connection to the router, are not the function's. */
const isOwn = (name: string): boolean =>
  name.startsWith("x-fermi-") || ["connection", "keep-alive", "trailer", "transfer-encoding"].includes(name);

/** The function's own headers. */
export const resultHeaders = ({ headers }: Answer): InvocationResult["headers"] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !isOwn(name)));

export function toText(bytes: Buffer): Pick<InvocationResult, "body" | "base64"> {
  const base64 = !isUtf8(bytes);
  return { body: bytes.toString(base64 ? "base64" : "utf8"), base64 };
}

export const toResult = (answer: Answer): InvocationResult => ({
  httpStatus: answer.status,
  headers: resultHeaders(answer),
  ...toText(answer.body),
});
