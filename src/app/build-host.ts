import type { LocalImages } from "../cluster/local/workplace.js";
import type { Config } from "../config/settings.js";
import type { Foundation } from "./foundation.js";
import { imagesOfClusters, type InstanceHost } from "./instance-host.js";
import { imagesOfThisMachine, LocalHost } from "./local-host.js";

/** What runs the instances, as the settings say. */
export async function buildHost(foundation: Foundation): Promise<InstanceHost> {
  if (foundation.config.cluster === "local") return new LocalHost(foundation);
  // The client's packages are loaded only where they are needed: a local server is to start at once.
  const { KubernetesHost } = await import("./kubernetes-host.js");
  return new KubernetesHost(foundation);
}

/** What an API may accept as an environment's image where another process runs the instances. */
export const knownImages = async (config: Config): Promise<LocalImages> =>
  config.cluster === "local" ? imagesOfThisMachine(config) : imagesOfClusters(config);
