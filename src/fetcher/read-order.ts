/** What is to be loaded, read out of a specialize request. Pure. */
import { hash } from "node:crypto";
import { AppError } from "../errors/app-error.js";

export interface LoadOrder {
  readonly function: { readonly id: string; readonly name: string; readonly namespace: string };
  readonly version: number;
  readonly entrypoint: string | null;
  readonly hasVariables: boolean;
  readonly source: string;
}

/** No slash, no backslash and no two dots in a row: whatever is made of these stays in its folder. */
const isId = (value: unknown): value is string => typeof value === "string" && /^[A-Za-z0-9-]{1,64}$/.test(value);
const isEntrypoint = (value: unknown): boolean =>
  typeof value === "string" && value.length <= 128 && /^[\p{L}\p{N}_$-]+(\.[\p{L}\p{N}_$-]+)*$/u.test(value);

type Read = Record<string, unknown>;

const rules: readonly (readonly [(order: Read, fn: Read, code: Read) => boolean, string])[] = [
  [(_order, { id }) => isId(id), "function.id must be letters, digits and dashes"],
  [(_order, { name, namespace }) => isId(name) && isId(namespace), "function must have a name and a namespace"],
  [({ version }) => Number.isSafeInteger(version), "version must be a whole number"],
  [
    ({ entrypoint }) => entrypoint == null || isEntrypoint(entrypoint),
    "entrypoint must be names with dots between them, or null",
  ],
  [({ variables }) => Array.isArray(variables), "variables must be a list"],
  [(_order, _fn, { source }) => typeof source === "string", "code.source must be text"],
  [
    (_order, _fn, { source, sha256 }) => hash("sha256", Buffer.from(String(source)), "hex") === sha256,
    "code.sha256 is not that of code.source",
  ],
];

/** Throws BAD_REQUEST with what is wrong. `text` is the JSON of a specialize request, as the contract FERMI has it. */
export function readOrder(text: string): LoadOrder {
  const order = record(parse(text));
  const fn = record(order["function"]);
  const code = record(order["code"]);
  const problem = rules.find(([holds]) => !holds(order, fn, code))?.[1];
  if (problem !== undefined) throw new AppError("BAD_REQUEST", `The request can't be taken: ${problem}.`);
  return {
    function: { id: String(fn["id"]), name: String(fn["name"]), namespace: String(fn["namespace"]) },
    version: Number(order["version"]),
    entrypoint: (order["entrypoint"] as string | null | undefined) ?? null,
    hasVariables: (order["variables"] as unknown[]).length > 0,
    source: String(code["source"]),
  };
}

const record = (value: unknown): Read => (typeof value === "object" && value !== null ? (value as Read) : {});

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("BAD_REQUEST", "The request is no JSON.");
  }
}
