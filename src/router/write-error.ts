/** The one place where the data plane turns an error into an HTTP answer. */
import { STATUS_CODES, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { AppError } from "../errors/app-error.js";
import { errorCodes } from "../errors/codes.js";

interface ErrorAnswer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
}

/** Anything that is no AppError is our bug: its text stays in the log. */
export const toAppError = (error: unknown): AppError =>
  error instanceof AppError
    ? error
    : new AppError("INTERNAL", "Fermi's router failed. The operator finds the cause in its log.", { cause: error });

/** Status, headers and body for an error. Retryable ones always say when, others where it is known. */
function errorAnswer(error: AppError, invocationId: string): ErrorAnswer {
  const body = JSON.stringify({ error: { code: error.code, message: error.message, invocationId } });
  const headers = [
    "Content-Type",
    "application/json; charset=utf-8",
    "Content-Length",
    String(Buffer.byteLength(body)),
    "X-Fermi-Error",
    error.code,
    "X-Fermi-Invocation-Id",
    invocationId,
  ];
  const retryAfterSeconds = error.retryAfterSeconds ?? (errorCodes[error.code].isRetryable ? 1 : undefined);
  if (retryAfterSeconds !== undefined) headers.push("Retry-After", String(retryAfterSeconds));
  return { status: error.httpStatus, headers, body };
}

/**
 * Answers with the error, once, where nothing was sent yet. `extra` is name, value, name, value. Returns how many bytes
 * of body the client is sent.
 */
export function writeError(
  res: ServerResponse,
  error: AppError,
  invocationId: string,
  extra: readonly string[] = [],
): number {
  if (res.headersSent || res.destroyed) return 0;
  const { status, headers, body } = errorAnswer(error, invocationId);
  // Named, as a head that could not be written may have left its own.
  res.writeHead(status, STATUS_CODES[status], [...headers, ...extra]);
  res.end(body);
  return res.req.method === "HEAD" ? 0 : Buffer.byteLength(body);
}

/**
 * The same for a bare socket: a request that could not be parsed, or an upgrade. Nothing more can be written after it; what
 * still comes is for the caller to see to (`lib/linger.ts`).
 */
export function writeErrorToSocket(socket: Duplex, error: AppError, invocationId: string): number {
  if (!socket.writable) {
    socket.destroy();
    return 0;
  }
  const { status, headers, body } = errorAnswer(error, invocationId);
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`, "Connection: close"];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
  return Buffer.byteLength(body);
}
