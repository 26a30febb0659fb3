import type { V1Deployment } from "@kubernetes/client-node";
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import type { Stoppable } from "../../lib/stoppable.js";
import type { Environment } from "../../model/environment.js";
import type { KubeCalls } from "./fenced-kube-api.js";
import { hasStatus } from "./kube-error.js";
import { poolDeployment, poolName, type PoolTemplate } from "./manifests.js";
import { labels, manager, ownSelector } from "./pod-labels.js";
import { readDeployment, type DeploymentFacts, type PoolDeployment } from "./read-deployment.js";
import { ResourceWatch } from "./resource-watch.js";

export interface PoolDeploymentsOptions {
  readonly api: KubeCalls;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly namespace: string;
  readonly watchSeconds?: number;
  readonly onPresent: (facts: DeploymentFacts) => void;
  readonly onAbsent: (environmentId: string) => void;
  readonly onListed: () => void;
}

/** The Deployments that keep pools filled: written, deleted, watched. */
export class PoolDeployments implements Stoppable {
  readonly #watch: ResourceWatch<PoolDeployment>;

  constructor(private readonly options: PoolDeploymentsOptions) {
    const { onPresent, onAbsent } = options;
    this.#watch = new ResourceWatch<PoolDeployment>({
      ...options,
      path: this.#folder,
      labelSelector: `${ownSelector},${labels.environment}`,
      onPresent: (deployment) => onPresent(readDeployment(deployment)),
      onAbsent: (deployment) => onAbsent(readDeployment(deployment).environmentId),
    });
  }

  start(): void {
    this.#watch.start();
  }

  refresh(): void {
    this.#watch.refresh();
  }

  stop(): Promise<void> {
    return this.#watch.stop();
  }

  /** Makes it, or makes it what it should be; resolves with what it is then. */
  apply(environment: Environment, template: PoolTemplate): Promise<PoolDeployment> {
    const body: V1Deployment = poolDeployment(environment, template);
    return this.options.api.call<PoolDeployment>({
      method: "PATCH",
      path: `${this.#folder}/${poolName(environment.id)}`,
      query: { fieldManager: manager, force: true },
      contentType: "application/apply-patch+yaml",
      body,
    });
  }

  /** And all pods that are still its own. */
  async remove(environmentId: string): Promise<void> {
    const path = `${this.#folder}/${poolName(environmentId)}`;
    const body = { propagationPolicy: "Background" };
    await this.options.api.call({ method: "DELETE", path, body }).catch((error: unknown) => {
      if (!hasStatus(error, 404)) throw error;
    });
  }

  get #folder(): string {
    return `/apis/apps/v1/namespaces/${this.options.namespace}/deployments`;
  }
}
