/** The fields of an answer's head, in the form in which Node writes them at once; one that can't be sent throws here. */
import { validateHeaderName, validateHeaderValue } from "node:http";
import { kind } from "./errors.js";

/** Framing is this server's affair, and `X-Fermi-*` are the platform's own words. */
const ownNames = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export class Fields {
  /** Name, value, name, value. */
  list = [];
  /** The names, in lower case. */
  #keys = [];

  /** `headers`: what user code gave. */
  constructor(headers) {
    for (const [name, value] of entries(headers)) this.#add(name, value);
  }

  has(key) {
    return this.#keys.includes(key);
  }

  /** In place of what user code may have said of it. */
  set(key, value) {
    this.#put(key, key, value);
  }

  #add(name, value) {
    const key = String(name).toLowerCase();
    if (ownNames.has(key) || key.startsWith("x-fermi-")) return;
    check(key, name, value);
    this.#put(key, name, value);
  }

  /** The last value of a name counts; but there is a line for each cookie. */
  #put(key, name, value) {
    const at = key === "set-cookie" ? -1 : this.#keys.indexOf(key);
    if (at !== -1) return void this.list.splice(2 * at, 2, name, value);
    this.#keys.push(key);
    this.list.push(name, value);
  }
}

function entries(headers) {
  if (headers === undefined || headers === null) return [];
  if (typeof headers !== "object") throw new TypeError(`headers must be an object, not ${kind(headers)}`);
  return typeof headers[Symbol.iterator] === "function" ? headers : Object.entries(headers);
}

function check(key, name, value) {
  if (key === "content-length" && !/^\d+$/.test(String(value)))
    throw new TypeError("the header content-length is no number");
  const values = Array.isArray(value) ? value : [value];
  const wrong = values.findIndex((one) => !isFieldValue(one));
  if (wrong !== -1)
    throw new TypeError(`the header ${name} must be text or a number, or a list of them, not ${kind(values[wrong])}`);
  validateHeaderName(name);
  validateHeaderValue(name, value);
}

const isFieldValue = (value) => ["string", "number", "boolean", "bigint"].includes(typeof value);
