/** A Fermi of this machine that watches the cluster of the tests, and what it is asked for. */
import type { KubeApi } from "../../../src/cluster/kubernetes/kube-api.js";
import { eventually, startFermi, type Fermi } from "../../support/harness.js";
import { kubeconfig } from "./test-cluster.js";

export interface WatchInput {
  readonly name: string;
  readonly function: string;
  readonly apiVersion?: string;
  readonly kind: string;
  readonly watchNamespace?: string | null;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface TriggerStatus {
  readonly condition: string;
  readonly reason: string | null;
}

export async function startWatching(
  env: Readonly<Record<string, string>> = {},
  settings: { file?: string; dataDir?: string } = {},
): Promise<Fermi> {
  const { file = kubeconfig, dataDir } = settings;
  const fermi = await startFermi({
    env: { KUBECONFIG: file, ...env },
    ...(dataDir !== undefined && { dataDir }),
  });
  await fermi.gql(`mutation { createEnvironment(input: {name: "node", image: "fermi/nodejs", poolSize: 2}) { id } }`);
  return fermi;
}

export async function createFunction(fermi: Fermi, name: string, source: string, more: object = {}): Promise<void> {
  await fermi.ok(`mutation($input: CreateFunctionInput!) { createFunction(input: $input) { id } }`, {
    input: { name, environment: "node", source, settings: { requestsPerInstance: 10 }, ...more },
  });
}

export async function createWatch(fermi: Fermi, input: WatchInput): Promise<string> {
  const { createKubernetesWatchTrigger: made } = await fermi.ok<{ createKubernetesWatchTrigger: { id: string } }>(
    `mutation($input: CreateKubernetesWatchTriggerInput!) { createKubernetesWatchTrigger(input: $input) { id } }`,
    { input },
  );
  return made.id;
}

export async function statusOf(fermi: Fermi, id: string): Promise<TriggerStatus> {
  const { trigger } = await fermi.ok<{ trigger: { status: TriggerStatus } }>(
    `query($id: ID!) { trigger(id: $id) { status { condition reason } } }`,
    { id },
  );
  return trigger.status;
}

/** Resolves with the reason once the trigger is so. */
export const untilCondition = (fermi: Fermi, id: string, wanted: string): Promise<string | null> =>
  eventually(async () => {
    const { condition, reason } = await statusOf(fermi, id);
    if (condition !== wanted) throw new Error(`it is ${condition}, not ${wanted}: ${reason}`);
    return reason;
  }, 45_000);

/** Config maps are as good as any object, and start nothing. */
export class Maps {
  constructor(
    private readonly api: KubeApi,
    private readonly namespace: string,
  ) {}

  async create(name: string, labels: Record<string, string> = {}): Promise<void> {
    await this.api.call({ method: "POST", path: this.#path, body: { metadata: { name, labels } } });
  }

  async patch(name: string, data: Record<string, string>): Promise<void> {
    const contentType = "application/merge-patch+json";
    await this.api.call({ method: "PATCH", path: `${this.#path}/${name}`, body: { data }, contentType });
  }

  async label(name: string, labels: Record<string, string>): Promise<void> {
    const contentType = "application/merge-patch+json";
    await this.api.call({
      method: "PATCH",
      path: `${this.#path}/${name}`,
      body: { metadata: { labels } },
      contentType,
    });
  }

  async remove(name: string): Promise<void> {
    await this.api.call({ method: "DELETE", path: `${this.#path}/${name}` });
  }

  get #path(): string {
    return `/api/v1/namespaces/${this.namespace}/configmaps`;
  }
}
