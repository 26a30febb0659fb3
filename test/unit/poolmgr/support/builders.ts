import type { Environment } from "../../../../src/model/environment.js";
import {
  defaultRunSettings,
  type FunctionCode,
  type FunctionSpec,
  type RunSettings,
} from "../../../../src/model/function.js";

const at = new Date(0);

export const anEnvironment = (change: Partial<Environment> = {}): Environment => ({
  id: "env",
  namespace: "default",
  name: "node",
  revision: 1,
  createdAt: at,
  updatedAt: at,
  image: "fermi/nodejs",
  contract: "FERMI",
  poolSize: 3,
  resources: { cpuRequest: null, cpuLimit: null, memoryRequest: null, memoryLimit: null },
  gracePeriodSeconds: 30,
  podTemplate: null,
  ...change,
});

export const aFunction = (
  change: Partial<Omit<FunctionSpec, "settings">> & { settings?: Partial<RunSettings> } = {},
): FunctionSpec => ({
  id: "fn",
  namespace: "default",
  name: "hello",
  revision: 1,
  createdAt: at,
  updatedAt: at,
  environmentId: "env",
  currentVersionId: "fn-v1",
  currentVersionNumber: 1,
  ...change,
  settings: { ...defaultRunSettings, ...change.settings },
});

export const aCode = (
  functionId: string,
  number: number,
  {
    source = "export default () => 1",
    environmentId = "env",
  }: { source?: string; environmentId?: string | undefined } = {},
): FunctionCode => ({
  version: {
    id: `${functionId}-v${number}`,
    functionId,
    number,
    environmentId,
    digest: "00",
    sizeBytes: source.length,
    entrypoint: null,
    variables: [],
    createdAt: at,
  },
  source,
});
