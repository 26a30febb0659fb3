/** Where code is put for an image of Fission's contracts, and how the image is told. Pure. */
import path from "node:path";
import { AppError } from "../errors/app-error.js";
import type { RuntimeContract } from "../model/environment.js";
import type { LoadOrder } from "./read-order.js";

export type FissionContract = Exclude<RuntimeContract, "FERMI">;

export interface CodePlan {
  /** The file or folder under the shared folder. */
  readonly name: string;
  /** Null: `name` is the file. Else `name` is a folder, and the source is in it under each of these paths. */
  readonly files: readonly string[] | null;
  readonly call: { readonly path: string; readonly json: object | null };
}

/** Throws LOAD_FAILED where the contract has no place for what the function has. */
export function planCode(contract: FissionContract, order: LoadOrder, folder: string): CodePlan {
  const { function: fn, entrypoint, hasVariables } = order;
  if (hasVariables) throw hasNoPlace(contract, "variables");
  if (contract === "FISSION_V1") {
    if (entrypoint !== null) throw hasNoPlace(contract, "an entrypoint");
    return { name: "user", files: null, call: { path: "/specialize", json: null } };
  }
  const json = {
    filepath: path.posix.join(folder, fn.id),
    functionName: entrypoint ?? "",
    url: "",
    FunctionMetadata: { name: fn.name, namespace: fn.namespace, uid: fn.id },
    envVersion: 2,
  };
  return {
    name: fn.id,
    files: entrypoint === null ? null : filesFor(entrypoint),
    call: { path: "/v2/specialize", json },
  };
}

const hasNoPlace = (contract: FissionContract, what: string): AppError =>
  new AppError("LOAD_FAILED", `The contract ${contract} has no place for ${what}.`);

/**
 * With an entrypoint Fission's servers look for a file in a folder, each in its own way: Node for `module` or
 * `module.js`, Python for `module.py` or, without a module, `main.py`, Ruby for any `.rb`, others for the entrypoint as
 * it is. Which of them the image is can't be told, so the file is there under each of these names.
 */
function filesFor(entrypoint: string): string[] {
  const parts = entrypoint.split(".");
  const module = parts.length === 1 ? entrypoint : parts.slice(0, -1).join("/");
  const python = parts.length === 1 ? "main" : module;
  return [...new Set([entrypoint, module, `${module}.js`, `${python}.py`, `${module}.rb`])];
}
