import type { KubeApi } from "./kube-api.js";
import { hasStatus } from "./kube-error.js";

export interface NewSecret {
  readonly namespace: string;
  readonly name: string;
  readonly values: Readonly<Record<string, string>>;
}

/** Resolves with whether it made it; one that is there is neither read nor changed. Rejects with a KubeError. */
export async function createSecret(api: KubeApi, { namespace, name, values }: NewSecret): Promise<boolean> {
  const body = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace, name, labels: { "app.kubernetes.io/part-of": "fermi" } },
    type: "Opaque",
    stringData: values,
  };
  try {
    await api.call({ method: "POST", path: `/api/v1/namespaces/${namespace}/secrets`, body });
    return true;
  } catch (error) {
    if (hasStatus(error, 409)) return false;
    throw error;
  }
}
