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

/** An error's stack as its author wants it: the user's file by its name alone, and without this runtime's own frames. */
export function userStack(error) {
  const own = new URL(".", import.meta.url).href;
  return inspect(error)
    .split("\n")
    .filter((line) => !(line.startsWith("    at ") && (line.includes(own) || line.includes("node:internal/"))))
    .join("\n")
    .replaceAll(pathToFileURL(folder()).href, "")
    .replaceAll(folder(), "");
}

export const inspectError = (error) => (error instanceof Error ? userStack(error) : `thrown: ${inspect(error)}`);

export function oneLine(error) {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : `thrown: ${inspect(error)}`;
  return text.replace(/\s*\n\s*/g, " ").slice(0, 2_000);
}
