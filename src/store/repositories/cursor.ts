/** A place in a list, written down for clients: opaque to them, and of use in that list only. */
import { hash } from "node:crypto";

const checkBytes = 6;

export const writeCursor = (list: string, values: readonly unknown[]): string => {
  const text = JSON.stringify(values);
  return Buffer.concat([checkOf(list, text), Buffer.from(text)]).toString("base64url");
};

/**
 * Undefined where the text is no cursor of this list, or not as it was given out. The check keeps out what is mistaken or
 * damaged, not who means to deceive: what comes out is to be looked at like any other input.
 */
export function readCursor(list: string, cursor: string): unknown {
  const bytes = Buffer.from(cursor, "base64url");
  const text = bytes.subarray(checkBytes).toString();
  const isWhole = bytes.toString("base64url") === cursor && bytes.subarray(0, checkBytes).equals(checkOf(list, text));
  return isWhole ? parse(text) : undefined;
}

const checkOf = (list: string, text: string): Buffer =>
  hash("sha256", `${list}\n${text}`, "buffer").subarray(0, checkBytes);

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
