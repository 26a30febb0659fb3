/** What may be said of the pods of an environment beyond image and resources; a part of Kubernetes' PodTemplateSpec. */
export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: {
    readonly imagePullSecrets?: readonly { readonly name: string }[];
    readonly nodeSelector?: Readonly<Record<string, string>>;
    readonly tolerations?: readonly Toleration[];
    /** As Kubernetes has it. */
    readonly affinity?: object;
    /** As Kubernetes has it. */
    readonly topologySpreadConstraints?: readonly object[];
    readonly priorityClassName?: string;
    readonly runtimeClassName?: string;
  };
}

export interface Toleration {
  readonly key?: string;
  readonly operator?: "Exists" | "Equal";
  readonly value?: string;
  readonly effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
  readonly tolerationSeconds?: number;
}
