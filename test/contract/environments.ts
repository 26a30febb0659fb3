import { newId } from "../../src/lib/new-id.js";
import type { Environment } from "../../src/model/environment.js";

/** An environment that no other test has. */
export function anEnvironment(change: Partial<Environment> = {}): Environment {
  const id = newId();
  return {
    id,
    namespace: "default",
    name: `env-${id.slice(-12)}`,
    revision: 1,
    createdAt: new Date(),
    updatedAt: new Date(),
    image: "fermi/nodejs",
    contract: "FERMI",
    poolSize: 1,
    resources: { cpuRequest: null, cpuLimit: null, memoryRequest: null, memoryLimit: null },
    gracePeriodSeconds: 5,
    podTemplate: null,
    ...change,
  };
}
