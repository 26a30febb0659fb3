/** What every stored resource has. `(namespace, name)` is unique among the living of one kind. */
export interface Resource {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  /** Grows by one at every change. */
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type ResourceKind =
  "Environment" | "Function" | "HttpTrigger" | "TimeTrigger" | "KubernetesWatchTrigger" | "QueueTrigger";
export type ChangeType = "CREATED" | "UPDATED" | "DELETED";
