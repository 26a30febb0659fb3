/** What makes a version of a function, and whether it would be another one. */
import { hash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Environment } from "../model/environment.js";
import { rule, type Fault } from "../model/fault.js";
import type { FunctionVersion, Variable } from "../model/function.js";

export interface VersionContent {
  readonly environmentId: string;
  readonly source: string;
  readonly entrypoint: string | null;
  readonly variables: readonly Variable[];
}

interface VersionIdentity {
  readonly id: string;
  readonly functionId: string;
  readonly number: number;
  readonly createdAt: Date;
}

export function buildVersion(identity: VersionIdentity, content: VersionContent): FunctionVersion {
  const { source, ...rest } = content;
  return {
    ...identity,
    ...rest,
    digest: hash("sha256", Buffer.from(source), "hex"),
    sizeBytes: Buffer.byteLength(source),
  };
}

/** The order of variables makes no difference to what runs. */
export function isSameContent(a: VersionContent, b: VersionContent): boolean {
  const sorted = (variables: readonly Variable[]): [string, string][] =>
    variables.map(({ name, value }): [string, string] => [name, value]).sort(([x], [y]) => (x < y ? -1 : 1));
  return (
    a.environmentId === b.environmentId &&
    a.source === b.source &&
    a.entrypoint === b.entrypoint &&
    isDeepStrictEqual(sorted(a.variables), sorted(b.variables))
  );
}

/** Fission's contracts have no place for variables. */
export const variablesFitFault = (
  { contract }: Environment,
  variables: readonly Variable[],
  field: string,
): Fault | undefined =>
  rule(
    contract === "FERMI" || variables.length === 0,
    field,
    "must have no variables here: only environments of the contract FERMI can hand them over",
  );

const exportName = /^[\p{L}_$][\p{L}\p{N}_$]*$/u;

/** FERMI's exports have plain names, FISSION_V1 has no place for an entrypoint, FISSION_V2's may be `module.function`. */
export function entrypointFitsFault(
  { contract }: Environment,
  entrypoint: string | null,
  field: string,
): Fault | undefined {
  if (entrypoint === null || contract === "FISSION_V2") return undefined;
  if (contract === "FISSION_V1")
    return { field, message: "must have no entrypoint here: FISSION_V1 has no place for it" };
  const message = "must be an export's name here: letters, digits, '_' and '$', not beginning with a digit";
  return rule(exportName.test(entrypoint), field, message);
}
