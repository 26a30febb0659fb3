/** What a pod is to Fermi, from what the API tells of it: pure. */
import { isIPv6 } from "node:net";
import { runtimeContracts, type RuntimeContract } from "../../model/environment.js";
import type { ClusterInstance, SpecializedFor } from "../cluster-driver.js";
import { contractVariable, fetcherContainer } from "./fission-pod.js";
import { functionContainer, runtimePort } from "./manifests.js";
import type { ContainerStatus, Pod } from "./pod.js";
import { annotations, labels } from "./pod-labels.js";

export interface PodFacts {
  readonly id: string;
  readonly name: string;
  readonly environmentId: string;
  readonly template: string;
  /** What of its environment it was started from; "" where it does not say. */
  readonly environmentTemplate: string;
  readonly contract: RuntimeContract;
  readonly startedAt: Date;
  /** By its labels somebody has taken it out of its pool. */
  readonly isClaimed: boolean;
  readonly isSpare: boolean;
  /** By its labels; the pod itself may never have been told. */
  readonly specializedFor: SpecializedFor | null;
  /** Of which secret the key is that it was given, by that secret's public key; undefined where an earlier version gave it. */
  readonly installation: string | undefined;
  readonly host: string | null;
  /** host:port as a URL has it; null while it has no address. */
  readonly address: string | null;
  /** Somebody has asked the cluster to delete it. */
  readonly isDeleting: boolean;
  /** Nothing of it runs, and it does not start again by itself. */
  readonly isOver: boolean;
  readonly isRunning: boolean;
  /** As its node tells; where that falls silent, the cluster says it is not. */
  readonly isReady: boolean;
  /** It is of Fission's contracts: its fetcher is told what to load, and tells what it is. */
  readonly hasFetcher: boolean;
  /** Of its containers, by their names. */
  readonly images: ReadonlyMap<string, string>;
  /** How often its container has ended, a present end included. */
  readonly ends: number;
}

/** Undefined for a pod that lacks what every pod of Fermi's has. */
export function readPod(pod: Pod): PodFacts | undefined {
  const { metadata } = pod;
  const own = metadata.labels ?? {};
  const environmentId = own[labels.environment];
  if (environmentId === undefined) return undefined;
  const host = hostOf(pod);
  const container = functionStatus(pod);
  const isSpare = labels.spare in own;
  return {
    id: metadata.uid,
    name: metadata.name,
    environmentId,
    template: own[labels.template] ?? "",
    environmentTemplate: noteOf(pod, annotations.environmentTemplate) ?? "",
    contract: contractOf(pod),
    startedAt: new Date(metadata.creationTimestamp),
    isClaimed: !isSpare && !(labels.pool in own),
    isSpare,
    specializedFor: specializationOf(pod),
    installation: noteOf(pod, annotations.installation),
    host,
    address: host === null ? null : `${isIPv6(host) ? `[${host}]` : host}:${runtimePort}`,
    isDeleting: metadata.deletionTimestamp !== undefined,
    isOver: isOver(pod),
    isRunning: container?.state?.running !== undefined,
    isReady: isReady(pod),
    hasFetcher: fetcherOf(pod) !== undefined,
    images: new Map(pod.spec.containers.map(({ name, image = "" }) => [name, image])),
    ends: endsOf(container),
  };
}

/** What is told of it to whoever watches. */
export const toldOf = (
  { id, environmentId, environmentTemplate: template, contract, address, startedAt, specializedFor }: PodFacts,
  now: Pick<ClusterInstance, "state" | "problem">,
): ClusterInstance => ({ id, environmentId, template, contract, address, startedAt, specializedFor, ...now });

export const functionStatus = (pod: Pod): ContainerStatus | undefined => statusOf(pod, functionContainer);

export const statusOf = ({ status }: Pod, container: string): ContainerStatus | undefined =>
  status?.containerStatuses?.find(({ name }) => name === container);

const hostOf = ({ status }: Pod): string | null =>
  status?.podIP === undefined || status.podIP === "" ? null : status.podIP;

const fetcherOf = ({ spec }: Pod): Pod["spec"]["containers"][number] | undefined =>
  spec.containers.find(({ name }) => name === fetcherContainer);

/** As its fetcher was told. */
function contractOf(pod: Pod): RuntimeContract {
  const fetcher = fetcherOf(pod);
  if (fetcher === undefined) return "FERMI";
  const told = fetcher.env?.find(({ name }) => name === contractVariable)?.value;
  return runtimeContracts.find((contract) => contract === told) ?? "FISSION_V2";
}

const noteOf = ({ metadata }: Pod, annotation: string): string | undefined => metadata.annotations?.[annotation];

function specializationOf(pod: Pod): SpecializedFor | null {
  const { metadata } = pod;
  const functionId = metadata.labels?.[labels.function];
  const version = Number(metadata.labels?.[labels.version]);
  if (functionId === undefined || !Number.isInteger(version)) return null;
  const requestsPerInstance = Number(noteOf(pod, annotations.requestsPerInstance) ?? 1);
  return { functionId, version, requestsPerInstance };
}

const isReady = ({ status }: Pod): boolean =>
  (status?.conditions ?? []).some(({ type, status: told }) => type === "Ready" && told === "True");

function endsOf(container: ContainerStatus | undefined): number {
  if (container === undefined) return 0;
  return container.restartCount + (container.state?.terminated === undefined ? 0 : 1);
}

function isOver(pod: Pod): boolean {
  const phase = pod.status?.phase;
  if (phase === "Succeeded" || phase === "Failed") return true;
  const containers = pod.status?.containerStatuses ?? [];
  const isDeleting = pod.metadata.deletionTimestamp !== undefined;
  return isDeleting && containers.length > 0 && containers.every(({ state }) => state?.terminated !== undefined);
}
