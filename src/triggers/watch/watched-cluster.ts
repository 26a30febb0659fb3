import type { ObjectEvent, ObjectPage, ObjectSelection } from "../../model/kubernetes-object.js";

/**
 * What watches need of a cluster. Everything rejects with an AppError whose message is in words: NOT_FOUND where the
 * cluster knows no such kind, BAD_USER_INPUT where it can't do what is asked for, FORBIDDEN where it may not be done,
 * CLUSTER_UNAVAILABLE where the cluster is away, or anything else that passes.
 */
export interface WatchedCluster {
  /** Says which cluster it is, so that what is known of one is not taken for known of another. */
  readonly name: string;
  /** Where the objects are; to be asked anew after every failure. */
  find(selection: ObjectSelection, signal: AbortSignal): Promise<FoundObjects>;
}

export interface FoundObjects {
  /** One page, the first where `next` is undefined. EXPIRED: the list has become too old to be read on. */
  list(next: string | undefined, signal: AbortSignal): Promise<ObjectPage | "EXPIRED">;
  /** Which version is the latest now. */
  version(signal: AbortSignal): Promise<string>;
  /**
   * What happens after this version; resolves when the cluster has begun to tell. It ends by itself after a while, or where
   * the connection is lost, which is no failure: it is gone on from the version that was read last. What is not read in
   * time waits at the server.
   */
  watch(version: string, signal: AbortSignal): Promise<AsyncIterable<ObjectEvent>>;
}
