import type { Pod } from "../../../../src/cluster/kubernetes/pod.js";

export const environmentId = "018f0000-0000-7000-8000-000000000001";

/** A pod of a pool that has just been made, as the API sends it. */
export function aPod({ labels = {}, metadata = {}, status = {} }: PodChange = {}): Pod {
  return {
    metadata: {
      uid: "uid-1",
      name: "fermi-pool-x-1",
      resourceVersion: "1",
      creationTimestamp: "2026-01-02T03:04:05Z",
      labels: { "fermi.dev/environment": environmentId, "fermi.dev/pool": environmentId, ...labels },
      ...metadata,
    },
    spec: {
      containers: [
        { name: "fetcher", image: "fermi/fermi" },
        { name: "function", image: "team/node:20", resources: { limits: { memory: "64Mi" } } },
      ],
    },
    status: { phase: "Pending", ...status },
  };
}

interface PodChange {
  readonly labels?: Record<string, string>;
  readonly metadata?: Partial<Pod["metadata"]>;
  readonly status?: Pod["status"];
}

type Status = NonNullable<NonNullable<Pod["status"]>["containerStatuses"]>[number];

export const withContainer = (status: Partial<Status>, more: Pod["status"] = {}): Pod =>
  aPod({ status: { ...more, containerStatuses: [{ name: "function", restartCount: 0, ...status }] } });
