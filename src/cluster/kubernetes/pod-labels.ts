/** How Fermi marks what is its own on a cluster. Ids, not names: a function that is deleted and made again is another one. */
export const labels = {
  managedBy: "app.kubernetes.io/managed-by",
  environment: "fermi.dev/environment",
  /** What a pool's Deployment selects by; taken off when a pod is claimed. */
  pool: "fermi.dev/pool",
  /** On an unclaimed pod that was started beside the pool, for somebody who waits. */
  spare: "fermi.dev/spare",
  /** A hash of all that a pod of the pool is made from. */
  template: "fermi.dev/template",
  function: "fermi.dev/function",
  version: "fermi.dev/version",
} as const;

export const annotations = {
  namespace: "fermi.dev/namespace",
  environmentName: "fermi.dev/environment-name",
  functionName: "fermi.dev/function-name",
  /** What of its environment it was started from (instance-template.ts). */
  environmentTemplate: "fermi.dev/environment-template",
  requestsPerInstance: "fermi.dev/requests-per-instance",
  /** Of whose secret the pod's key is made, told by the public key that follows from that secret too. */
  installation: "fermi.dev/installation",
} as const;

/** Fermi's own prefix; nobody else sets labels or annotations under it. */
export const ownPrefix = "fermi.dev/";

export const manager = "fermi";
export const ownSelector = `${labels.managedBy}=${manager}`;
