/** What a pod of Fission's contracts has beside what every pod has: the fetcher, and the folder that it shares. Pure. */
import type { V1Container, V1Probe, V1Volume, V1VolumeMount } from "@kubernetes/client-node";
import { AppError } from "../../errors/app-error.js";
import type { FissionContract } from "../../fetcher/plan-code.js";

export const fetcherContainer = "fetcher";
/** Tells the fetcher of which contract the image beside it is. */
export const contractVariable = "FERMI_FETCHER_CONTRACT";
/** That of Fission's own fetcher: its image for Node reports WebSockets there. */
export const fetcherPort = 8000;
/** Where Fission's images look for their function. */
const userfunc = "/userfunc";
const userfuncMount: V1VolumeMount = { name: "userfunc", mountPath: userfunc };

export interface FetcherSettings {
  /** Fermi's own image; null where the installation has not said which. */
  readonly image: string | null;
  /** Of the key with which specializations are signed. */
  readonly publicKey: string;
}

/** What a pod of the contract FERMI has none of. */
export interface FissionParts {
  readonly user: { readonly runAsUser: number; readonly runAsGroup: number; readonly fsGroup: number };
  readonly containers: readonly V1Container[];
  readonly volumes: readonly V1Volume[];
  /** For the image's container. */
  readonly mounts: readonly V1VolumeMount[];
}

/**
 * Images made for Fission expect to be root, and most of them need not be: so they get a user, who shares a group with the
 * fetcher. Throws CLUSTER_UNAVAILABLE where nobody knows the fetcher's image.
 */
export function fissionParts(
  contract: FissionContract,
  imagePort: number,
  { image, publicKey }: FetcherSettings,
): FissionParts {
  if (image === null) throw new AppError("CLUSTER_UNAVAILABLE", noFetcherImage);
  return {
    user: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000 },
    containers: [fetcher({ contract, imagePort, publicKey, image })],
    volumes: [{ name: "userfunc", emptyDir: { sizeLimit: "1Gi" } }],
    mounts: [userfuncMount],
  };
}

/** One sentence, for whoever creates an environment and for whoever waits for its pool. */
export const noFetcherImage = "Images of Fission's contracts need Fermi's own beside them: FERMI_IMAGE must name it.";

/** The driver asks itself, and sooner; this is for the Deployment and for people. */
export const readyAt = (port: number, path: string): V1Probe => ({
  httpGet: { path, port, scheme: "HTTP" },
  periodSeconds: 2,
  timeoutSeconds: 2,
  failureThreshold: 3,
});

interface FetcherFacts {
  readonly image: string;
  readonly contract: FissionContract;
  readonly imagePort: number;
  readonly publicKey: string;
}

const fetcher = ({ image, contract, imagePort, publicKey }: FetcherFacts): V1Container => ({
  name: fetcherContainer,
  image,
  imagePullPolicy: "IfNotPresent",
  args: ["fetcher"],
  ports: [{ name: "fetcher", containerPort: fetcherPort, protocol: "TCP" }],
  env: [
    { name: contractVariable, value: contract },
    { name: "FERMI_FETCHER_PUBLIC_KEY", value: publicKey },
    { name: "FERMI_FETCHER_INSTANCE", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.uid" } } },
    { name: "FERMI_FETCHER_FOLDER", value: userfunc },
    { name: "FERMI_FETCHER_PORT", value: String(fetcherPort) },
    { name: "FERMI_FETCHER_IMAGE_PORT", value: String(imagePort) },
  ],
  resources: { requests: { cpu: "5m", memory: "32Mi" }, limits: { memory: "128Mi" } },
  // The image has no route that tells its health; the fetcher sees whether its port is open.
  readinessProbe: readyAt(fetcherPort, "/-/readyz"),
  terminationMessagePolicy: "FallbackToLogsOnError",
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  },
  volumeMounts: [userfuncMount],
});
