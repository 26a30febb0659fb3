/** Instances as pods: they outlive this process, and belong to whoever leads. */
import os from "node:os";
import { checkCluster, describeCluster } from "../cluster/kubernetes/cluster-checks.js";
import { fencedKubeApi } from "../cluster/kubernetes/fenced-kube-api.js";
import { KubeApi } from "../cluster/kubernetes/kube-api.js";
import { KubeLease } from "../cluster/kubernetes/kube-lease.js";
import { KubernetesDriver } from "../cluster/kubernetes/kubernetes-driver.js";
import { defaultOutputBounds } from "../cluster/output-reader.js";
import type { LocalImages } from "../cluster/local/workplace.js";
import { Remembered } from "../lib/remembered.js";
import type { Leadership } from "../lib/leadership.js";
import { newId } from "../lib/new-id.js";
import type { Check } from "../model/check.js";
import { FencedDriver } from "../poolmgr/fenced-driver.js";
import { LogLineRepository } from "../store/repositories/log-line.repository.js";
import type { Foundation } from "./foundation.js";
import { imagesOfClusters, type InstanceHost, type Tenure } from "./instance-host.js";

/** They are told every few seconds, and cost the API a dozen calls. */
const rememberedMs = 30_000;

export class KubernetesHost implements InstanceHost {
  readonly images: LocalImages;
  readonly maxInstances: number;
  readonly #api: KubeApi;
  readonly #described: Remembered<string>;
  readonly #checked: Remembered<readonly Check[]>;

  constructor(private readonly foundation: Foundation) {
    const { config, clock } = foundation;
    this.maxInstances = config.maxInstances ?? Infinity;
    this.images = imagesOfClusters(config);
    const api = (this.#api = KubeApi.connect({ kubeconfig: config.kubeconfig, clock }));
    const { controlNamespace, functionsNamespace } = config;
    this.#described = new Remembered(() => describeCluster({ api }), rememberedMs, clock);
    const check = (): Promise<Check[]> => checkCluster({ api, clock, namespace: controlNamespace, functionsNamespace });
    this.#checked = new Remembered(check, rememberedMs, clock);
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#api.close();
    return Promise.resolve();
  }

  lead(isHeld: () => boolean): Tenure {
    const { config, clock, logger, store, secret } = this.foundation;
    const lines = new LogLineRepository(store.dataSource);
    let kept: ReturnType<LogLineRepository["lastKept"]> | undefined;
    const driver = new KubernetesDriver({
      api: fencedKubeApi(this.#api, isHeld),
      clock,
      logger,
      namespace: config.functionsNamespace,
      outputBounds: defaultOutputBounds,
      fetcher: { image: config.image, secret },
      // Where the store can't tell, from now on: a few lines less are better than all of them twice.
      since: async (instanceId) => {
        kept ??= lines.lastKept();
        return kept.then(
          (lastKept) => lastKept(instanceId),
          () => clock.now(),
        );
      },
    });
    driver.start();
    return { driver: new FencedDriver(driver, isHeld), stop: () => driver.stop() };
  }

  cluster(): Promise<string> {
    return this.#described.get();
  }

  checks(): Promise<readonly Check[]> {
    return this.#checked.get();
  }
}

/** Over connections of its own, which no driver's work can hold up. */
export function createLease(name: "poolmgr" | "triggers", foundation: Foundation): Leadership {
  const { config, clock, logger, started } = foundation;
  const api = KubeApi.connect({ kubeconfig: config.kubeconfig, clock });
  started.push("connections for the lease", () => api.close());
  // A restarted container has its pod's name still, and is another process.
  const identity = `${os.hostname()}_${newId().slice(0, 8)}`;
  return new KubeLease({ api, clock, logger, namespace: config.controlNamespace, name: `fermi-${name}`, identity });
}
