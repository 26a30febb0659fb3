/** What Fermi asks a cluster for, from what an environment says: pure. */
import type { V1Container, V1Deployment, V1Pod, V1PodSpec, V1Toleration } from "@kubernetes/client-node";
import { createHash } from "node:crypto";
import { stableJson } from "../../lib/stable-json.js";
import type { ComputeResources, Environment } from "../../model/environment.js";
import type { SpecializeRequest } from "../cluster-driver.js";
import { templateOf } from "../instance-template.js";
import { fissionParts, readyAt, type FetcherSettings, type FissionParts } from "./fission-pod.js";
import { annotations, labels, manager } from "./pod-labels.js";

export const functionContainer = "function";
export const runtimePort = 8888;

/** What pods of a pool are made from, and the hash by which they are known to be. */
export interface PoolTemplate {
  readonly hash: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: V1PodSpec;
}

/** Throws CLUSTER_UNAVAILABLE where the environment's contract needs a fetcher and the installation has no image for it. */
export function poolTemplate(environment: Environment, fetcher: FetcherSettings): PoolTemplate {
  const { contract } = environment;
  const spec = podSpec(environment, contract === "FERMI" ? null : fissionParts(contract, runtimePort, fetcher));
  const extra = environment.podTemplate?.metadata ?? {};
  const hash = createHash("sha256").update(stableJson({ extra, spec })).digest("hex").slice(0, 16);
  return {
    hash,
    labels: { ...extra.labels, ...ownLabels(environment), [labels.template]: hash },
    annotations: {
      ...extra.annotations,
      ...namesOf(environment),
      [annotations.environmentTemplate]: templateOf(environment),
    },
    spec,
  };
}

export const poolName = (environmentId: string): string => `fermi-pool-${environmentId}`;

/**
 * The warm pool of an environment. Pods of an old template are replaced all at once: nobody is handed one any more. It is
 * never paused, so a claimed pod is replaced with no control plane of Fermi's running.
 */
export function poolDeployment(environment: Environment, template: PoolTemplate): V1Deployment {
  const { id, poolSize } = environment;
  const { labels: own, annotations: names, spec } = template;
  const selector = { [labels.managedBy]: manager, [labels.pool]: id };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name: poolName(id),
      labels: { ...own },
      annotations: { ...names },
    },
    spec: {
      replicas: poolSize,
      revisionHistoryLimit: 0,
      selector: { matchLabels: selector },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "100%", maxUnavailable: "100%" } },
      template: { metadata: { labels: { ...own, [labels.pool]: id }, annotations: { ...names } }, spec },
    },
  };
}

/** One warm pod beside the pool, for somebody who waits. */
export const sparePod = ({ id }: Environment, { labels: own, annotations: names, spec }: PoolTemplate): V1Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    generateName: `fermi-spare-${id.slice(-12)}-`,
    labels: { ...own, [labels.spare]: id },
    annotations: { ...names },
  },
  spec,
});

/**
 * Takes a pod out of its pool: nobody counts it, adopts it or deletes it with the pool from then on. Without a function
 * it is claimed, for whom will be told later. `installation` is by what its secret is known.
 */
export const claimPatch = (installation: string, request?: SpecializeRequest): object => ({
  metadata: {
    ownerReferences: null,
    labels: { [labels.pool]: null, [labels.spare]: null, ...(request && functionLabels(request)) },
    ...(request && { annotations: functionAnnotations(installation, request) }),
  },
});

const functionLabels = ({ function: { id }, version }: SpecializeRequest): Record<string, string> => ({
  [labels.function]: id,
  [labels.version]: String(version),
});

const functionAnnotations = (installation: string, request: SpecializeRequest): Record<string, string> => ({
  [annotations.functionName]: request.function.name,
  [annotations.namespace]: request.function.namespace,
  [annotations.requestsPerInstance]: String(request.requestsPerInstance),
  [annotations.installation]: installation,
});

const ownLabels = ({ id }: Environment): Record<string, string> => ({
  [labels.managedBy]: manager,
  [labels.environment]: id,
});

const namesOf = ({ namespace, name }: Environment): Record<string, string> => ({
  [annotations.namespace]: namespace,
  [annotations.environmentName]: name,
});

function podSpec(environment: Environment, fission: FissionParts | null): V1PodSpec {
  const { gracePeriodSeconds, podTemplate } = environment;
  const { tolerations = [], ...placement } = podTemplate?.spec ?? {};
  return {
    ...(placement as Partial<V1PodSpec>),
    tolerations: [...tolerations, ...lostNode],
    restartPolicy: "Always",
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: Math.max(1, gracePeriodSeconds),
    securityContext: { runAsNonRoot: true, ...fission?.user, seccompProfile: { type: "RuntimeDefault" } },
    containers: [runtimeContainer(environment, fission), ...(fission?.containers ?? [])],
    volumes: [{ name: "tmp", emptyDir: { sizeLimit: "1Gi" } }, ...(fission?.volumes ?? [])],
  };
}

/** The pods of a node that does not answer are replaced after this time, rather than Kubernetes' five minutes. */
const lostNode: readonly V1Toleration[] = ["not-ready", "unreachable"].map((condition) => ({
  key: `node.kubernetes.io/${condition}`,
  operator: "Exists",
  effect: "NoExecute",
  tolerationSeconds: 30,
}));

/** A runtime, as its contract has it (environments/CONTRACT.md). */
const runtimeContainer = ({ image, resources }: Environment, fission: FissionParts | null): V1Container => ({
  name: functionContainer,
  image,
  imagePullPolicy: "IfNotPresent",
  ports: [{ name: "http", containerPort: runtimePort, protocol: "TCP" }],
  env: [
    { name: "PORT", value: String(runtimePort) },
    { name: "HOME", value: "/tmp" },
  ],
  resources: quantities(resources),
  // Images of Fission's contracts can't be asked: the fetcher beside them is.
  ...(fission === null && { readinessProbe: readyAt(runtimePort, "/-/state") }),
  // The last words of one that dies are its reason.
  terminationMessagePolicy: "FallbackToLogsOnError",
  securityContext: {
    allowPrivilegeEscalation: false,
    // Whoever made an image for Fission was promised no folder to write to.
    readOnlyRootFilesystem: fission === null,
    capabilities: { drop: ["ALL"] },
  },
  volumeMounts: [{ name: "tmp", mountPath: "/tmp" }, ...(fission?.mounts ?? [])],
});

function quantities({ cpuRequest, cpuLimit, memoryRequest, memoryLimit }: ComputeResources): V1Container["resources"] {
  return {
    requests: {
      ...(cpuRequest !== null && { cpu: cpuRequest }),
      ...(memoryRequest !== null && { memory: memoryRequest }),
    },
    limits: { ...(cpuLimit !== null && { cpu: cpuLimit }), ...(memoryLimit !== null && { memory: memoryLimit }) },
  };
}
