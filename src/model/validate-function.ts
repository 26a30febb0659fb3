import { demand, firstFault, isPlainText, rule, wholeNumber, type Fault, type Range } from "./fault.js";
import type { RunSettings, Variable } from "./function.js";
import type { FunctionChange } from "./inputs.js";
import { labelFault, resourceNameFault } from "./validate-name.js";

export const settingLimits = {
  timeoutSeconds: [1, 3_600],
  requestsPerInstance: [1, 1_000],
  minInstances: [0, 1_000],
  maxInstances: [1, 1_000],
  idleTimeoutSeconds: [1, 86_400],
} as const satisfies Record<keyof RunSettings, Range>;

export const functionLimits = {
  sourceBytes: 256 * 1024,
  variables: 100,
  variableNameCharacters: 128,
  variableValueCharacters: 32_768,
  /** All names and values together: what an operating system hands to a process is bounded too. */
  variablesBytes: 256 * 1024,
} as const;

const { variableNameCharacters, variableValueCharacters } = functionLimits;

export const inKiB = (bytes: number): string => `${bytes / 1024} KiB`;

/** What is wrong with a new function or a change of one; fields that are absent pass. */
export function functionFault(input: FunctionChange): Fault | undefined {
  const { environment, source, entrypoint, variables } = input;
  return (
    resourceNameFault(input) ??
    (environment != null ? labelFault("environment", environment) : undefined) ??
    (source != null ? sourceFault(source) : undefined) ??
    (entrypoint != null ? entrypointFault(entrypoint) : undefined) ??
    (variables != null ? variablesFault(variables) : undefined)
  );
}

function sourceFault(source: string): Fault | undefined {
  const { sourceBytes } = functionLimits;
  return firstFault(
    rule(source.trim() !== "", "source", "must not be empty"),
    rule(Buffer.byteLength(source) <= sourceBytes, "source", `must be at most ${inKiB(sourceBytes)} in UTF-8`),
    rule(isPlainText(source), "source", "must be text without NUL characters and unpaired surrogates"),
  );
}

const dottedNames = /^[\p{L}_$][\p{L}\p{N}_$-]*(\.[\p{L}_$][\p{L}\p{N}_$-]*)*$/u;

/** What no contract takes. */
const entrypointFault = (entrypoint: string): Fault | undefined =>
  rule(
    dottedNames.test(entrypoint) && entrypoint.length <= 128,
    "entrypoint",
    "must be a name such as main (for FISSION_V2 also module.main) of letters, digits, '_' and '$', not beginning with a " +
      "digit, at most 128 characters",
  );

export function variablesFault(variables: readonly Variable[]): Fault | undefined {
  const { variables: most, variablesBytes } = functionLimits;
  if (variables.length > most) return { field: "variables", message: `must be at most ${most} variables` };
  const fault = firstFault(...variables.map((variable, index) => variableFault(`variables.${index}`, variable)));
  if (fault !== undefined) return fault;
  const names = variables.map(({ name }) => name);
  const repeated = names.findIndex((name, index) => names.indexOf(name) !== index);
  const bytes = variables.reduce((sum, { name, value }) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0);
  return firstFault(
    rule(repeated === -1, `variables.${repeated}.name`, "must differ from the names of the other variables"),
    rule(bytes <= variablesBytes, "variables", `must be at most ${inKiB(variablesBytes)}, names and values together`),
  );
}

const variableFault = (field: string, { name, value }: Variable): Fault | undefined =>
  firstFault(
    rule(
      /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && name.length <= variableNameCharacters,
      `${field}.name`,
      `must be letters, digits and '_', not beginning with a digit, at most ${variableNameCharacters} characters`,
    ),
    rule(
      name !== "PORT" && !name.startsWith("FERMI_"),
      `${field}.name`,
      "must not be PORT or begin with FERMI_: these are set by Fermi",
    ),
    rule(
      value.length <= variableValueCharacters && isPlainText(value),
      `${field}.value`,
      `must be at most ${variableValueCharacters} characters of text, without NUL characters`,
    ),
  );

/** What is wrong with settings as they would be stored: each number, and one against another. */
export function settingsFault(settings: RunSettings): Fault | undefined {
  const names = Object.keys(settingLimits) as (keyof RunSettings)[];
  return firstFault(
    ...names.map((name) => demand(`settings.${name}`, settings[name], wholeNumber(settingLimits[name]))),
    rule(
      settings.minInstances <= settings.maxInstances,
      "settings.minInstances",
      `must not be above settings.maxInstances`,
    ),
  );
}
