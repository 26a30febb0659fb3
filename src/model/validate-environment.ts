import { runtimeContracts, type Environment } from "./environment.js";
import { demand, firstFault, rule, wholeNumber, type Fault } from "./fault.js";
import { fermiImage, isImageReference } from "./image-reference.js";
import type { EnvironmentChange } from "./inputs.js";
import { parseQuantity } from "./quantity.js";
import { podTemplateFault } from "./validate-pod-template.js";
import { resourceNameFault } from "./validate-name.js";

export const environmentLimits = { poolSize: [0, 100], gracePeriodSeconds: [0, 3_600] } as const;

/** What is wrong with a new environment or a change of one, but for its resources; fields that are absent pass. */
export function environmentFault(input: EnvironmentChange): Fault | undefined {
  const { image, contract, poolSize, gracePeriodSeconds, podTemplate } = input;
  return (
    resourceNameFault(input) ??
    (image != null ? imageFault(image) : undefined) ??
    (contract != null ? contractFault(contract) : undefined) ??
    (poolSize != null ? demand("poolSize", poolSize, wholeNumber(environmentLimits.poolSize)) : undefined) ??
    (gracePeriodSeconds != null
      ? demand("gracePeriodSeconds", gracePeriodSeconds, wholeNumber(environmentLimits.gracePeriodSeconds))
      : undefined) ??
    (podTemplate != null ? podTemplateFault(podTemplate) : undefined)
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

/** What is wrong with what instances ask for and may use: call it with what would be stored. */
export function resourcesFault({ image, resources }: Pick<Environment, "image" | "resources">): Fault | undefined {
  const { cpuRequest, cpuLimit, memoryRequest, memoryLimit } = resources;
  return firstFault(
    quantityFault("resources.cpuRequest", cpuRequest, cpuRequests),
    quantityFault("resources.cpuLimit", cpuLimit, cpuLimits),
    quantityFault("resources.memoryRequest", memoryRequest, memoryRequests),
    quantityFault("resources.memoryLimit", memoryLimit, memoryLimits),
    needFault(image, memoryLimit),
    rule(isAtMost(cpuRequest, cpuLimit), "resources.cpuRequest", "must not be above resources.cpuLimit"),
    rule(isAtMost(memoryRequest, memoryLimit), "resources.memoryRequest", "must not be above resources.memoryLimit"),
  );
}

interface Quantity {
  readonly form: RegExp;
  readonly example: string;
  readonly least: string;
  readonly most: string;
}

const cpu = { form: /^(\d{1,6}m|\d{1,6}(\.\d{1,3})?)$/, example: "250m, 0.5 or 2", most: "1024" };
const memory = { form: /^\d{1,13}(\.\d{1,3})?([kMGT]|[KMGT]i)?$/, example: "128Mi or 1Gi", most: "8Ti" };

const cpuRequests: Quantity = { ...cpu, least: "1m" };
/** With less, an instance takes longer to come up than is waited for. */
const cpuLimits: Quantity = { ...cpu, least: "50m" };
const memoryRequests: Quantity = { ...memory, least: "1Mi" };
const memoryLimits: Quantity = { ...memory, least: "16Mi" };

/** What Fermi's own runtimes need to come up and answer under load; measured, with some room. */
export const leastMemoryLimit: Readonly<Record<string, string>> = { "fermi/nodejs": "96Mi", "fermi/python": "32Mi" };

function quantityFault(field: string, text: string | null | undefined, quantity: Quantity): Fault | undefined {
  if (text == null) return undefined;
  const { form, example, least, most } = quantity;
  const isBetween = form.test(text) && isAtMost(least, text) && isAtMost(text, most);
  return rule(isBetween, field, `must be a quantity such as ${example}, from ${least} to ${most}`);
}

function needFault(image: string, memoryLimit: string | null): Fault | undefined {
  const name = fermiImage(image) ?? "";
  const least = leastMemoryLimit[name];
  return rule(
    isAtMost(least, memoryLimit),
    "resources.memoryLimit",
    `must be at least ${least} with ${name}, whose instances don't come up with less`,
  );
}

/** Also where there is nothing to compare. */
const isAtMost = (a: string | null | undefined, b: string | null | undefined): boolean =>
  a == null || b == null || (parseQuantity(a) ?? Number.NaN) <= (parseQuantity(b) ?? Number.NaN);
