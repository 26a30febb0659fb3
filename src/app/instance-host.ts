import type { ClusterDriver } from "../cluster/cluster-driver.js";
import { noFetcherImage } from "../cluster/kubernetes/fission-pod.js";
import type { LocalImages } from "../cluster/local/workplace.js";
import type { Config } from "../config/settings.js";
import type { Check } from "../model/check.js";

/** A driver for as long as this process leads. */
export interface Tenure {
  readonly driver: ClusterDriver;
  stop(): Promise<void>;
}

export interface InstanceHost {
  /** To be called before anything else. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** A driver that does nothing any more once `isHeld` is false. One at a time. */
  lead(isHeld: () => boolean): Tenure;
  /** What may be an environment's image. */
  readonly images: LocalImages;
  /** Instances that there may be in all; Infinity for no bound. */
  readonly maxInstances: number;
  /** For people. */
  cluster(): Promise<string>;
  /** Never rejects. */
  checks(): Promise<readonly Check[]>;
}

/** A cluster pulls whatever it is told to; where it can't, the pool says why. */
export const imagesOfClusters = ({ image: own }: Pick<Config, "image">): LocalImages => ({
  images: [],
  refuseImage: (_image, contract) => (contract !== "FERMI" && own === null ? noFetcherImage : undefined),
});
