/** How errors of user code are told to its author. */
import { tmpdir } from "node:os";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";

/** Code that does not load: `message` names the user's file and line, `detail` is the stack. */
export class LoadError extends Error {
  constructor(message, detail) {
    super(message);
    this.detail = detail;
  }
}

/** A request that user code must not see; `status` is what the caller gets. */
export class RequestError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** A value's kind in words, for messages: the value itself may be a secret. */
export const kind = (value) =>
  value === null ? "null" : Array.isArray(value) ? "an array" : `of type ${typeof value}`;

export const folder = () => `${process.env.HOME ?? tmpdir()}/`;

/** What was thrown may do anything when it is looked at; to throw once more would end the instance. */
function told(tell) {
  try {
    return tell();
  } catch {
    return "something that can't be shown";
  }
}

export function isA(type, value) {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

export const shown = (value) => told(() => inspect(value));

export const headline = (error) => told(() => `${error.name}: ${error.message}`);

/** An error's stack as its author wants it: the user's file by its name alone, and without this runtime's own frames. */
export function userStack(error) {
  const own = new URL(".", import.meta.url).href;
  return shown(error)
    .split("\n")
    .filter((line) => !(line.startsWith("    at ") && (line.includes(own) || line.includes("node:internal/"))))
    .join("\n")
    .replaceAll(pathToFileURL(folder()).href, "")
    .replaceAll(folder(), "");
}

export const inspectError = (error) => (isA(Error, error) ? userStack(error) : `thrown: ${shown(error)}`);

export function oneLine(error) {
  const text = isA(Error, error) ? headline(error) : `thrown: ${shown(error)}`;
  return text
    .replace(/\s*\n\s*/g, " ")
    .slice(0, 2_000)
    .toWellFormed();
}

/** The beginning of a text as a header's value: percent-encoded. A character that is cut in half can't be. */
export const headerText = (text) => encodeURIComponent(text.slice(0, 300).toWellFormed());
