import { runtimeContracts, type ComputeResources } from "./environment.js";
import { demand, firstFault, rule, wholeNumber, type Fault } from "./fault.js";
import { isImageReference } from "./image-reference.js";
import type { EnvironmentChange } from "./inputs.js";
import { resourceNameFault } from "./validate-name.js";

export const environmentLimits = { poolSize: [0, 100], gracePeriodSeconds: [0, 3_600] } as const;

/** What is wrong with a new environment or a change of one; fields that are absent pass. */
export function environmentFault(input: EnvironmentChange): Fault | undefined {
  const { image, contract, poolSize, gracePeriodSeconds, resources } = input;
  return (
    resourceNameFault(input) ??
    (image != null ? imageFault(image) : undefined) ??
    (contract != null ? contractFault(contract) : undefined) ??
    (poolSize != null ? demand("poolSize", poolSize, wholeNumber(environmentLimits.poolSize)) : undefined) ??
    (resources != null ? resourcesFault(resources) : undefined) ??
    (gracePeriodSeconds != null
      ? demand("gracePeriodSeconds", gracePeriodSeconds, wholeNumber(environmentLimits.gracePeriodSeconds))
      : undefined)
  );
}

const imageFault = (image: string): Fault | undefined =>
  rule(
    isImageReference(image),
    "image",
    "must be an image reference such as fermi/nodejs or registry.example.com:5000/team/node:20",
  );

const contractFault = (contract: string): Fault | undefined =>
  rule(
    runtimeContracts.some((known) => known === contract),
    "contract",
    `must be one of ${runtimeContracts.join(", ")}`,
  );

/** What is wrong with quantities, also with one against another: call it with what would be stored. */
export function resourcesFault(resources: Partial<ComputeResources>): Fault | undefined {
  const { cpuRequest, cpuLimit, memoryRequest, memoryLimit } = resources;
  return firstFault(
    quantityFault("resources.cpuRequest", cpuRequest, cpu),
    quantityFault("resources.cpuLimit", cpuLimit, cpu),
    quantityFault("resources.memoryRequest", memoryRequest, memory),
    quantityFault("resources.memoryLimit", memoryLimit, memory),
    rule(isAtMost(cpuRequest, cpuLimit), "resources.cpuRequest", "must not be above resources.cpuLimit"),
    rule(isAtMost(memoryRequest, memoryLimit), "resources.memoryRequest", "must not be above resources.memoryLimit"),
  );
}

interface Quantity {
  readonly form: RegExp;
  readonly example: string;
}

const cpu: Quantity = { form: /^(\d{1,6}m|\d{1,6}(\.\d{1,3})?)$/, example: "250m, 0.5 or 2" };
const memory: Quantity = { form: /^\d{1,12}(\.\d{1,3})?([kMGT]|[KMGT]i)?$/, example: "128Mi or 1Gi" };

const quantityFault = (
  field: string,
  text: string | null | undefined,
  { form, example }: Quantity,
): Fault | undefined =>
  rule(text == null || (form.test(text) && amountOf(text) > 0), field, `must be a quantity such as ${example}`);

const isAtMost = (request: string | null | undefined, limit: string | null | undefined): boolean =>
  request == null || limit == null || amountOf(request) <= amountOf(limit);

const units: Readonly<Record<string, number>> = {
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

function amountOf(text: string): number {
  const [, digits = "", unit = ""] = /^([\d.]+)([A-Za-z]*)$/.exec(text) ?? [];
  return Number(digits) * (units[unit] ?? Number.NaN);
}
