import type { KubernetesObjectMetadata } from "../../model/kubernetes-object.js";
import type { KnownObject } from "./known-objects.js";

/** What is kept of each trigger across restarts. Everything rejects while the store is away. */
export interface WatchStore {
  /** Begins a term: what those of earlier terms still write from now on is ignored. */
  beginTerm(): Promise<number>;
  /** Takes the state of triggers away that are no more. */
  prune(): Promise<void>;
  /** Nothing where the trigger has no state; no position where that is of another selection. */
  load(triggerId: string, selection: string): Promise<WatchState>;
  metadata(triggerId: string, uids: readonly string[]): Promise<KubernetesObjectMetadata[]>;
  /** All or nothing. Resolves to false where a later term has begun: nothing was written. */
  write(term: number, progress: readonly TriggerProgress[]): Promise<boolean>;
}

export interface WatchState {
  /** Everything up to this version was told; null where all is to be listed. */
  readonly position: string | null;
  readonly objects: ReadonlyMap<string, KnownObject>;
}

/** What became of one trigger's events. */
export interface TriggerProgress {
  readonly triggerId: string;
  readonly selection: string;
  /** Undefined where it stays as it is, null where it has none any more. */
  readonly position: string | null | undefined;
  /** By uid. */
  readonly told: ReadonlyMap<string, ToldObject>;
  /** Uids of objects that are gone, and of which nothing has to be known any more. */
  readonly forgotten: ReadonlySet<string>;
}

export interface ToldObject {
  readonly metadata: KubernetesObjectMetadata;
  readonly isGone: boolean;
}
