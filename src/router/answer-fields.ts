/** The head of an answer as text: checked as a whole, then taken apart. Pure; lists are name, value, name, value. */
import { AppError } from "../errors/app-error.js";
import { endToEndOfAnswer } from "./response-head.js";

/** What follows the head, and how its end is known. */
export type Framing =
  | { readonly type: "NONE" }
  | { readonly type: "LENGTH"; readonly bytes: number }
  | { readonly type: "CHUNKED" }
  /** Up to the end of the connection. */
  | { readonly type: "REST" };

export interface AnswerHead {
  readonly status: number;
  readonly statusText: string;
  /** All of them, as they came, but for white space around values. */
  readonly headers: readonly string[];
  /** Those that may go on to the client. */
  readonly endToEnd: readonly string[];
  readonly framing: Framing;
  /** The connection may carry another request after this answer, in the function's opinion. */
  readonly keepsAlive: boolean;
  /** For how long at least it is kept open when it rests, as the function says; null where it does not. */
  readonly keepAliveMs: number | null;
}

export const notHttp = (): AppError => new AppError("FUNCTION_CRASHED", "The function's answer is no valid HTTP.");

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const value = "[\\t\\x20-\\x7e\\x80-\\xff]*";
/** One way to write each line: no bare CR or LF, no folded line, no space before a colon, nothing that can't be printed. */
const fieldLines = new RegExp(`^(?:${token}:${value}\\r\\n)*$`);
const wholeHead = new RegExp(`^HTTP/1\\.[01] [1-9][0-9]{2}(?: ${value})?\\r\\n(?:${token}:${value}\\r\\n)*$`);

const none: Framing = { type: "NONE" };
const chunked: Framing = { type: "CHUNKED" };
const rest: Framing = { type: "REST" };

/** What of the head decides where the answer ends, and what becomes of its connection. */
interface Decisive {
  length: string | null;
  coding: string | null;
  connection: string | null;
  keepAlive: string | null;
}

/** `text` ends with its last line's end. Throws FUNCTION_CRASHED where it can be read in two ways, or in none. */
export function parseAnswerHead(text: string, isToHead: boolean): AnswerHead {
  if (!wholeHead.test(text)) throw notHttp();
  const firstEnd = text.indexOf("\r\n");
  const status = Number(text.slice(9, 12));
  const decisive: Decisive = { length: null, coding: null, connection: null, keepAlive: null };
  const headers = splitFields(text, firstEnd + 2, decisive);
  const isOld = text[7] === "0";
  const framing = readFraming(decisive, isOld, isToHead || hasNoBody(status));
  return {
    status,
    statusText: text.slice(13, firstEnd),
    headers,
    endToEnd: endToEndOfAnswer(headers, framing.type === "CHUNKED"),
    framing,
    keepsAlive: !isOld && framing.type !== "REST" && !saysClose(decisive.connection),
    keepAliveMs: keepAliveMs(decisive.keepAlive),
  };
}

/** The fields of a chunked body's trailer section; empty text is none. */
export function parseTrailers(text: string): string[] {
  if (!fieldLines.test(text)) throw notHttp();
  return splitFields(text, 0, { length: null, coding: null, connection: null, keepAlive: null });
}

const hasNoBody = (status: number): boolean => status < 200 || status === 204 || status === 304;

function splitFields(text: string, from: number, decisive: Decisive): string[] {
  const fields: string[] = [];
  for (let at = from; at < text.length;) {
    const colon = text.indexOf(":", at);
    const end = text.indexOf("\r\n", colon);
    const name = text.slice(at, colon);
    const fieldValue = trimmed(text, colon + 1, end);
    fields.push(name, fieldValue);
    note(decisive, name, fieldValue);
    at = end + 2;
  }
  return fields;
}

/** Without the white space that may stand around a value. */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

function note(decisive: Decisive, name: string, fieldValue: string): void {
  switch (name.length) {
    case 10:
      return noteConnection(decisive, name.toLowerCase(), fieldValue);
    case 14:
      if (name.toLowerCase() === "content-length") decisive.length = joined(decisive.length, fieldValue);
      return;
    case 17:
      if (name.toLowerCase() === "transfer-encoding") decisive.coding = joined(decisive.coding, fieldValue);
  }
}

function noteConnection(decisive: Decisive, lower: string, fieldValue: string): void {
  if (lower === "connection") decisive.connection = joined(decisive.connection, fieldValue);
  else if (lower === "keep-alive") decisive.keepAlive = fieldValue;
}

/** A length or coding that is said twice is none that can be relied on, the same one too. */
const joined = (before: string | null, more: string): string => (before === null ? more : `${before}, ${more}`);

function readFraming({ length, coding }: Decisive, isOld: boolean, isBodiless: boolean): Framing {
  if (length !== null && !/^[0-9]{1,15}$/.test(length)) throw notHttp();
  if (coding !== null && (length !== null || isOld || coding.toLowerCase() !== "chunked")) throw notHttp();
  if (isBodiless) return none;
  if (coding !== null) return chunked;
  if (length === null) return rest;
  return length === "0" ? none : { type: "LENGTH", bytes: Number(length) };
}

function saysClose(connection: string | null): boolean {
  if (connection === null || connection === "keep-alive") return false;
  return connection.split(",").some((part) => part.trim().toLowerCase() === "close");
}

function keepAliveMs(text: string | null): number | null {
  const [, seconds] = (text !== null && /(?:^|[\s,])timeout=([0-9]{1,6})/i.exec(text)) || [];
  return seconds === undefined ? null : Number(seconds) * 1_000;
}
