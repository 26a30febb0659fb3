/** What runs the instances, as the settings say. */
import path from "node:path";
import type { ClusterDriver } from "../cluster/cluster-driver.js";
import { noFetcherImage } from "../cluster/kubernetes/fission-pod.js";
import { LocalDriver } from "../cluster/local/local-driver.js";
import { findLocalImages, type LocalImages } from "../cluster/local/workplace.js";
import { readProcessEnvironment } from "../config/read-config.js";
import type { Surroundings } from "./foundation.js";

export interface InstanceDriver extends ClusterDriver {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** What the operator should know about how instances run, in words; null where all is well. */
  readonly warning: string | null;
}

const runtimesDir = path.resolve(import.meta.dirname, "../../environments");

export function buildLocalDriver({ config, clock, logger }: Surroundings, dataDir: string): LocalDriver {
  const { path: searchPath, lang } = readProcessEnvironment();
  return new LocalDriver({
    dataDir,
    runtimesDir,
    path: searchPath,
    lang,
    node: process.execPath,
    mapped: config.localRuntimes ?? [],
    clock,
    logger,
    maxInstances: config.maxInstances,
  });
}

/** What an API may accept as an environment's image where the driver is in another process. */
export async function knownImages({ config }: Pick<Surroundings, "config">): Promise<LocalImages> {
  if (config.cluster === "kubernetes") {
    const needsFetcher = (contract: string): boolean => contract !== "FERMI" && config.image === null;
    return { images: [], refuseImage: (_image, contract) => (needsFetcher(contract) ? noFetcherImage : undefined) };
  }
  const { path: searchPath } = readProcessEnvironment();
  return findLocalImages({
    runtimesDir,
    path: searchPath,
    node: process.execPath,
    mapped: config.localRuntimes ?? [],
  });
}
