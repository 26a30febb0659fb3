/** An object of a Kubernetes cluster, of whatever kind: what all of them have. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: KubernetesObjectMetadata;
}

export interface KubernetesObjectMetadata {
  readonly uid: string;
  readonly name: string;
  /** Absent where the kind has none. */
  readonly namespace?: string;
  readonly resourceVersion: string;
  readonly creationTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Which objects: of one kind, in one namespace or all, that the selectors find. */
export interface ObjectSelection {
  readonly apiVersion: string;
  readonly kind: string;
  /** Null is all. */
  readonly namespace: string | null;
  readonly labelSelector: string | null;
  readonly fieldSelector: string | null;
}

export interface ObjectPage {
  readonly objects: readonly KubernetesObject[];
  /** Of the whole list: from here on a watch misses nothing. */
  readonly version: string;
  /** What asks for the next page; undefined at the last. */
  readonly next: string | undefined;
}

/** BOOKMARK: nothing of interest happened up to this version. EXPIRED: what came next is forgotten, and all is to be listed. */
export type ObjectEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: KubernetesObject }
  | { readonly type: "BOOKMARK"; readonly version: string }
  | { readonly type: "EXPIRED" };
