/** Kubernetes watches, on the cluster that Fermi runs in, or on that of KUBECONFIG. */
import type { ObjectSource } from "../cluster/kubernetes/object-source.js";
import type { Config } from "../config/settings.js";
import { AppError } from "../errors/app-error.js";
import type { Stoppable } from "../lib/stoppable.js";
import { LivingWatches } from "../store/repositories/living-watches.js";
import { WatchProgressRepository } from "../store/repositories/watch-progress.repository.js";
import type { TriggerSource } from "../triggers/trigger-source.js";
import { WatchEngine } from "../triggers/watch/watch-engine.js";
import type { Foundation } from "./foundation.js";
import type { BuildSource } from "./build-source.js";

/** Why nothing can be watched, as what follows "This installation"; undefined where there is a cluster. */
export const watchProblem = ({ cluster, kubeconfig }: Pick<Config, "cluster" | "kubeconfig">): string | undefined =>
  cluster === "kubernetes" || kubeconfig !== null
    ? undefined
    : "knows no Kubernetes: run it there, or set KUBECONFIG for the server";

export const watchSource: BuildSource = ({ foundation, statuses, invoker, leads }) => {
  const { store, clock, logger } = foundation;
  const cluster = new WatchedKubernetes(foundation);
  const engine = new WatchEngine({
    triggers: new LivingWatches(store.dataSource),
    statuses,
    store: new WatchProgressRepository(store.dataSource),
    invoker,
    cluster: () => cluster.source(),
    isHeld: leads,
    clock,
    logger,
    random: Math.random,
  });
  return {
    start: () => engine.start(),
    lookAgain: () => engine.lookAgain(),
    stop: async () => {
      await engine.stop();
      cluster.stop();
    },
  } satisfies TriggerSource;
};

/** Reached for with the first trigger only: most installations have none, and a local server is to start at once. */
class WatchedKubernetes implements Stoppable {
  #connected: Promise<{ source: ObjectSource; close: () => void }> | undefined;

  constructor(private readonly foundation: Pick<Foundation, "config" | "clock">) {}

  async source(): Promise<ObjectSource> {
    const problem = watchProblem(this.foundation.config);
    if (problem !== undefined) throw new AppError("BAD_USER_INPUT", `This installation ${problem}.`);
    try {
      return (await (this.#connected ??= this.#connect())).source;
    } catch (cause) {
      this.#connected = undefined;
      throw new AppError("CLUSTER_UNAVAILABLE", "What KUBECONFIG names is no way to a cluster.", { cause });
    }
  }

  stop(): void {
    // Where there is no way to it, whoever asked has been told.
    void this.#connected?.then(
      ({ close }) => close(),
      () => undefined,
    );
  }

  async #connect(): Promise<{ source: ObjectSource; close: () => void }> {
    const { config, clock } = this.foundation;
    const { KubeApi } = await import("../cluster/kubernetes/kube-api.js");
    const { ObjectSource: Source } = await import("../cluster/kubernetes/object-source.js");
    const api = KubeApi.connect({ kubeconfig: config.kubeconfig, clock });
    return { source: new Source({ api, clock }), close: () => api.close() };
  }
}
