/** What kustomize makes of deploy/, and whether Kubernetes knows every field of it. */
import * as models from "@kubernetes/client-node";
import { parseAllDocuments } from "yaml";
import { kubectl } from "./kubectl.js";

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
}

export async function render(folder: string, program?: string): Promise<Manifest[]> {
  const text = await kubectl(["kustomize", folder], program === undefined ? {} : { program });
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

interface Field {
  readonly baseName: string;
  readonly type: string;
}
type Model = { getAttributeTypeMap(): readonly Field[] } | undefined;

const isModel = (value: unknown): value is NonNullable<Model> =>
  typeof value === "function" && "getAttributeTypeMap" in value;

/** The client library's models are made from Kubernetes's published OpenAPI document, a class for each definition. */
const modelOf = (name: string): Model => {
  const found: unknown = (models as Record<string, unknown>)[name];
  return isModel(found) ? found : undefined;
};

/** As the library calls it: autoscaling/v2 HorizontalPodAutoscaler is V2HorizontalPodAutoscaler. */
function modelName({ apiVersion, kind }: Manifest): string {
  const version = apiVersion.split("/").at(-1) ?? "";
  return `${version.charAt(0).toUpperCase()}${version.slice(1)}${kind}`;
}

/** What of it the published schema of its kind does not know, or knows as something else. */
export function violations(manifest: Manifest): string[] {
  const name = modelName(manifest);
  return check(manifest, name, `${manifest.kind}/${manifest.metadata.name}`);
}

function check(value: unknown, type: string, at: string): string[] {
  const list = /^Array<(.*)>$/.exec(type)?.[1];
  if (list !== undefined) {
    if (!Array.isArray(value)) return [`${at} is no list`];
    return value.flatMap((item, index) => check(item, list, `${at}[${index}]`));
  }
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];
  if (map !== undefined) {
    if (!isObject(value)) return [`${at} is no map`];
    return Object.entries(value).flatMap(([key, item]) => check(item, map, `${at}.${key}`));
  }
  const model = modelOf(type);
  return model === undefined ? checkPlain(value, type, at) : checkObject(value, model, at);
}

function checkObject(value: unknown, model: NonNullable<Model>, at: string): string[] {
  if (!isObject(value)) return [`${at} is no object`];
  const fields = new Map(model.getAttributeTypeMap().map(({ baseName, type }) => [baseName, type]));
  return Object.entries(value).flatMap(([key, item]) => {
    const type = fields.get(key);
    return type === undefined ? [`${at}.${key} is not known`] : check(item, type, `${at}.${key}`);
  });
}

function checkPlain(value: unknown, type: string, at: string): string[] {
  const allowed = type === "IntOrString" ? ["number", "string"] : [type];
  if (!["string", "number", "boolean"].some((known) => allowed.includes(known))) return [`${at}: no schema of ${type}`];
  return allowed.includes(typeof value) ? [] : [`${at} is ${typeof value}, not ${allowed.join(" or ")}`];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly resources?: { readonly requests?: { cpu?: string; memory?: string }; readonly limits?: { memory?: string } };
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly [probe: `${string}Probe`]: unknown;
}

export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
}

/** Of what makes pods; undefined for all else. */
export const podOf = ({ spec }: Manifest): PodSpec | undefined =>
  (spec?.["template"] as { spec?: PodSpec } | undefined)?.spec;
