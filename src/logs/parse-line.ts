import { logTag } from "../lib/log-tag.js";
import type { LogStream, NewLogLine } from "../model/log-line.js";

/** What an instance printed, as the cluster driver hands it over. */
export interface RawOutput {
  readonly instanceId: string;
  readonly stream: "STDOUT" | "STDERR";
  readonly text: string;
  readonly at: Date;
}

/** What an instance was specialized for. */
export interface InstanceIdentity {
  readonly functionId: string;
  readonly version: number;
  readonly key: string;
}

type ParsedLine = Pick<NewLogLine, "at" | "stream" | "message" | "invocationId">;

export const maxMessageBytes = 64 * 1024;
/** User code can print any time it likes; one that is far from the driver's clock is not believed. */
const believableSkewMs = 60 * 60 * 1_000;

/**
 * Reads one printed line. A JSON object as Fermi's runtimes write it gives its fields, tied to its invocation only where the
 * tag proves that this instance was sent it; anything else is the instance's own text, tied to none. Never throws.
 */
export function parseLine(output: RawOutput, identity: InstanceIdentity): NewLogLine {
  const { at, stream, message, invocationId } = fromRuntime(output, identity.key) ?? plain(output);
  return {
    at,
    stream,
    message: storable(message),
    invocationId,
    functionId: identity.functionId,
    functionVersion: identity.version,
    instance: output.instanceId,
  };
}

const plain = (output: RawOutput): ParsedLine => ({
  at: output.at,
  stream: output.stream,
  message: output.text,
  invocationId: null,
});

function fromRuntime(output: RawOutput, key: string): ParsedLine | undefined {
  const fields = output.text.startsWith("{") ? jsonObject(output.text) : undefined;
  if (fields === undefined) return undefined;
  const { t, s, i, g, m } = fields;
  const stream = streamOf(s);
  if (typeof t !== "number" || stream === undefined || typeof m !== "string") return undefined;
  const at = Math.abs(t - output.at.getTime()) <= believableSkewMs ? new Date(t) : output.at;
  return { at, stream, message: m, invocationId: provenInvocation(i, g, key) };
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function streamOf(name: unknown): LogStream | undefined {
  if (name === "stdout") return "STDOUT";
  return name === "stderr" ? "STDERR" : undefined;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function provenInvocation(id: unknown, tag: unknown, key: string): string | null {
  if (typeof id !== "string" || typeof tag !== "string" || !uuid.test(id)) return null;
  return tag === logTag(key, id) ? id : null;
}

/** As it can be stored and shown: no NUL (Postgres text has none), at most 64 KiB of UTF-8 with a mark where it was cut. */
export function storable(message: string): string {
  const text = message.includes("\0") ? message.replaceAll("\0", "\uFFFD") : message;
  // No UTF-16 unit takes more than three bytes, so short texts need no counting.
  if (text.length * 3 <= maxMessageBytes) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= maxMessageBytes) return text;
  const mark = ` … [cut: ${bytes.length} bytes]`;
  return bytes.subarray(0, wholeCharacters(bytes, maxMessageBytes - Buffer.byteLength(mark))).toString() + mark;
}

/** The largest length up to `limit` that ends between two characters. */
function wholeCharacters(bytes: Buffer, limit: number): number {
  let end = limit;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return end;
}
