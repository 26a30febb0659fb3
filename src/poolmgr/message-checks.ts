/** What comes over a network is looked at before it is believed. */
import { AppError } from "../errors/app-error.js";

export type Check = (value: unknown) => boolean;

export const isText: Check = (value) => typeof value === "string" && value.length <= 100_000;
export const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
export const isTime: Check = (value) => typeof value === "number" && Number.isFinite(value);
export const isOneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    typeof value === "string" && values.includes(value);
export const isObject =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(fields).every(([name, holds]) => holds((value as Record<string, unknown>)[name]));
export const isListOf =
  (holds: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(holds);

/** The envelope of a message; undefined where the kind of message is not known. Throws BAD_REQUEST for what makes no sense. */
export function readEnvelope(
  text: string,
  kinds: Readonly<Record<string, Check>>,
  fields: Readonly<Record<string, Check>> = {},
): object | undefined {
  const envelope = parse(text);
  if (!isObject({ ...fields, message: isObject({ type: isText }) })(envelope)) throw senseless();
  const { message } = envelope as { message: { type: string } };
  const holds = Object.hasOwn(kinds, message.type) ? kinds[message.type] : undefined;
  if (holds === undefined) return undefined;
  if (!holds(message)) throw senseless(message.type);
  return envelope as object;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw senseless(undefined, cause);
  }
}

const senseless = (type?: string, cause?: unknown): AppError =>
  new AppError("BAD_REQUEST", `A message${type === undefined ? "" : ` of type ${type}`} can't be read.`, { cause });
