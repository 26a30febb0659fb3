import type { KubernetesObject, KubernetesObjectMetadata } from "../../model/kubernetes-object.js";

export type WatchEventType = "ADDED" | "MODIFIED" | "DELETED";

/** One thing to tell a function of. */
export interface WatchEvent {
  readonly type: WatchEventType;
  readonly kind: string;
  readonly metadata: KubernetesObjectMetadata;
  /** The object as JSON. */
  readonly body: Buffer;
  /** The object has gone unseen, and its body is no more than what was kept of it. */
  readonly isPartial: boolean;
}

export function watchEvent(type: WatchEventType, object: KubernetesObject, isPartial = false): WatchEvent {
  const { kind, metadata } = object;
  return { type, kind, metadata: keptMetadata(metadata), body: Buffer.from(JSON.stringify(object)), isPartial };
}

/** Objects of one name follow each other, be they the same or one made anew. */
export const nameOf = ({ metadata: { namespace, name } }: Pick<WatchEvent, "metadata">): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

const maxLabelsBytes = 4 * 1024;

/** What is kept of an object once it was delivered: enough to say that it has gone. */
export function keptMetadata(metadata: KubernetesObjectMetadata): KubernetesObjectMetadata {
  const { uid, name, namespace, resourceVersion, creationTimestamp, labels } = metadata;
  return {
    uid,
    name,
    ...(namespace !== undefined && { namespace }),
    resourceVersion,
    ...(creationTimestamp !== undefined && { creationTimestamp }),
    ...(labels !== undefined && JSON.stringify(labels).length <= maxLabelsBytes && { labels }),
  };
}

/**
 * Both events are about one object, and the first has not been taken by the function, though it may have been seen:
 * what is told in place of both.
 */
export function merge(before: WatchEvent, after: WatchEvent): WatchEvent {
  return before.type === "ADDED" && after.type === "MODIFIED" ? { ...after, type: "ADDED" } : after;
}
