import type { Resource } from "./resource.js";

export interface RunSettings {
  readonly timeoutSeconds: number;
  readonly requestsPerInstance: number;
  readonly minInstances: number;
  readonly maxInstances: number;
  readonly idleTimeoutSeconds: number;
}

export const defaultRunSettings: RunSettings = {
  timeoutSeconds: 60,
  requestsPerInstance: 1,
  minInstances: 0,
  maxInstances: 100,
  idleTimeoutSeconds: 120,
};

/** A function as stored. What runs is its current version. Named FunctionSpec because Function is JavaScript's own. */
export interface FunctionSpec extends Resource {
  /** Of the current version. */
  readonly environmentId: string;
  readonly currentVersionId: string;
  readonly currentVersionNumber: number;
  readonly settings: RunSettings;
}

export interface Variable {
  readonly name: string;
  readonly value: string;
}

/** An immutable snapshot of what runs. */
export interface FunctionVersion {
  readonly id: string;
  readonly functionId: string;
  readonly number: number;
  readonly environmentId: string;
  /** SHA-256 of the source, in hex. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** Which export to call; the file's default where null. */
  readonly entrypoint: string | null;
  readonly variables: readonly Variable[];
  readonly createdAt: Date;
}

/** A version together with its text: all that an instance needs to be specialized. */
export interface FunctionCode {
  readonly version: FunctionVersion;
  readonly source: string;
}
