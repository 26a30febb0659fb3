import { pino } from "pino";
import type { Logger } from "../lib/logger.js";

type Level = "debug" | "info" | "warn" | "error";

interface LoggerOptions {
  readonly level: Level;
  /** `auto`: text on a terminal, JSON elsewhere. */
  readonly format: "auto" | "text" | "json";
  /** Said with every line, where several processes log to one place. */
  readonly worker?: number;
}

/** What waits to be written while that is impossible; the lines beyond it are lost. */
const waitingBytesMax = 1024 * 1024;

/** Logs to stderr: JSON lines for machines, or one short line each for a person at a terminal. Errors keep their causes. */
export function createLogger({ level, format, worker }: LoggerOptions): Logger {
  const isText = format === "auto" ? process.stderr.isTTY : format === "text";
  const options = {
    level,
    base: worker === undefined ? null : { worker },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const stderr = openStderr();
  const destination = isText ? { write: (line: string) => stderr.write(asText(line)) } : stderr;
  return pino({ ...options, serializers: { cause: describe, err: describe } }, destination);
}

/** Fails nobody who logs: on a disk that is full lines wait for room, and where their reader has left they are dropped. */
function openStderr(): ReturnType<typeof pino.destination> {
  const stderr = pino.destination({ fd: 2, sync: true, maxLength: waitingBytesMax });
  stderr.on("error", () => {});
  return stderr;
}

/** What an operator needs of an error and no more: drivers hang whole clients, and what they were given, on theirs. */
function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack, cause } = error;
  const { code } = error as { code?: unknown };
  return {
    name,
    message,
    ...(typeof code === "string" && { code }),
    stack,
    ...(cause !== undefined && { cause: describe(cause) }),
  };
}

/** `12:00:01 WARN  the sentence (key=value)`; a stack follows on lines of its own. */
function asText(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const shown = Object.entries(fields).map(([key, value]) => `${key}=${inline(value)}`);
  const suffix = shown.length === 0 ? "" : ` (${shown.join(", ")})`;
  return `${String(time).slice(11, 19)} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}${suffix}\n`;
}

function inline(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const { stack, message } = value as { stack?: unknown; message?: unknown };
  return typeof stack === "string" ? stack : typeof message === "string" ? message : JSON.stringify(value);
}
