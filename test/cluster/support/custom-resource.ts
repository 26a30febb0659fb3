import type { KubeApi } from "../../../src/cluster/kubernetes/kube-api.js";
import { newId } from "../../../src/lib/new-id.js";
import { until } from "./until.js";

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

export interface CustomResource {
  readonly apiVersion: string;
  readonly kind: string;
  /** Of its objects in a namespace. */
  path(namespace: string): string;
  /** Takes the kind away, and resolves when it is gone. */
  remove(): Promise<void>;
  restore(): Promise<void>;
}

/** A kind of the test's own, with whatever fields. */
export async function aCustomResource(api: KubeApi, kind = "Greeting"): Promise<CustomResource> {
  const group = `t${newId().slice(-12)}.fermi.dev`;
  const plural = `${kind.toLowerCase()}s`;
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const name = `${plural}.${group}`;
  const path = (namespace: string): string => `/apis/${group}/v1/namespaces/${namespace}/${plural}`;
  const isServed = (): Promise<boolean> =>
    api.call({ method: "GET", path: path("default") }).then(
      () => true,
      () => false,
    );
  const restore = async (): Promise<void> => {
    const versions = [{ name: "v1", served: true, storage: true, schema }];
    const spec = { group, scope: "Namespaced", names: { kind, plural }, versions };
    await api.call({ method: "POST", path: definitions, body: { metadata: { name }, spec } });
    await until("the kind is served", isServed);
  };
  const remove = async (): Promise<void> => {
    await api.call({ method: "DELETE", path: `${definitions}/${name}` });
    await until("the kind is gone", async () => !(await isServed()));
  };
  await restore();
  return { apiVersion: `${group}/v1`, kind, path, remove, restore };
}
