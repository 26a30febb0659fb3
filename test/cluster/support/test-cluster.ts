import { jest } from "@jest/globals";
import { existsSync } from "node:fs";
import { KubeApi } from "../../../src/cluster/kubernetes/kube-api.js";
import type { Pod } from "../../../src/cluster/kubernetes/pod.js";
import { systemClock } from "../../../src/lib/clock.js";
import { newId } from "../../../src/lib/new-id.js";
import { describeUnless } from "../../support/unless.js";

jest.setTimeout(60_000);

/** Of the cluster that the tests of this folder use; empty where there is none. */
export const kubeconfig = process.env["KUBECONFIG"] ?? "";

/** Tests that need a real cluster: left out, and said so, where KUBECONFIG names none. */
export const describeOnCluster = describeUnless(existsSync(kubeconfig) ? undefined : "KUBECONFIG names no file");

export const connect = (file = kubeconfig): KubeApi => KubeApi.connect({ kubeconfig: [file], clock: systemClock });

/** A namespace of the test's own. */
export async function aNamespace(api: KubeApi): Promise<{ namespace: string; remove: () => Promise<void> }> {
  const namespace = `fermi-test-${newId().slice(-12)}`;
  await api.call({ method: "POST", path: "/api/v1/namespaces", body: { metadata: { name: namespace } } });
  const remove = async (): Promise<void> => {
    await api.call({ method: "DELETE", path: `/api/v1/namespaces/${namespace}` });
  };
  return { namespace, remove };
}

interface PodList {
  readonly items: readonly Pod[];
}

export const podsOf = async (api: KubeApi, namespace: string): Promise<readonly Pod[]> =>
  (await api.call<PodList>({ method: "GET", path: `/api/v1/namespaces/${namespace}/pods` })).items;

/** By force, as an administrator would. */
export async function deletePod(api: KubeApi, namespace: string, id: string): Promise<void> {
  const pod = (await podsOf(api, namespace)).find(({ metadata }) => metadata.uid === id);
  if (pod === undefined) throw new Error(`there is no pod ${id}`);
  const path = `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}`;
  await api.call({ method: "DELETE", path, body: { gracePeriodSeconds: 0 } });
}
