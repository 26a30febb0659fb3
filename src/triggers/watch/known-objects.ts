/**
 * What a trigger's function has been told of, or is about to be: each object's uid, version and name. From it follows what
 * there is to tell, whether the present state comes as a list, as events, or as events that were told already.
 */
import type { KubernetesObject } from "../../model/kubernetes-object.js";
import { isNewer } from "./object-version.js";
import { nameOf, type WatchEventType } from "./watch-event.js";

export interface KnownObject {
  readonly version: string;
  /** With its namespace, as `nameOf` has it. */
  readonly name: string;
  /** That it has gone was told; kept for as long as older events of it may come again. */
  readonly isGone: boolean;
}

export class KnownObjects {
  readonly #byUid = new Map<string, KnownObject>();
  /** Uids of those that are there. */
  readonly #byName = new Map<string, string>();

  constructor(known: ReadonlyMap<string, KnownObject>) {
    for (const [uid, object] of known) this.#set(uid, object);
  }

  /** How many there are; of those that have gone something may be known too. */
  get living(): number {
    return this.#byName.size;
  }

  /** Another object of the same name, which therefore is no more. */
  formerOf(object: KubernetesObject): string | undefined {
    const uid = this.#byName.get(nameOf(object));
    return uid === object.metadata.uid ? undefined : uid;
  }

  /** Of an object that is there, as a list has it; undefined where there is nothing to tell. */
  present(object: KubernetesObject): WatchEventType | undefined {
    const known = this.#byUid.get(object.metadata.uid);
    if (known?.version === object.metadata.resourceVersion && !known.isGone) return undefined;
    return this.#now("MODIFIED", object);
  }

  /** Of an event, which may be an old one. */
  happened(type: WatchEventType, object: KubernetesObject): WatchEventType | undefined {
    const known = this.#byUid.get(object.metadata.uid);
    if (known !== undefined && !isNewer(object.metadata.resourceVersion, known.version)) return undefined;
    // Nobody was told of it, so nobody has to be told that it is no more.
    if (type === "DELETED" && (known === undefined || known.isGone)) return undefined;
    return this.#now(type, object);
  }

  /** Uids of those that a complete list has not. */
  absent(present: ReadonlySet<string>): string[] {
    return [...this.#byName.values()].filter((uid) => !present.has(uid));
  }

  /** Uids of those whose end was told. */
  get allGone(): string[] {
    return [...this.#byUid].filter(([, { isGone }]) => isGone).map(([uid]) => uid);
  }

  gone(uid: string): void {
    const known = this.#byUid.get(uid);
    if (known !== undefined) this.#set(uid, { ...known, isGone: true });
  }

  /** No older event of it comes any more. */
  forget(uid: string): void {
    if (this.#byUid.get(uid)?.isGone === true) this.#byUid.delete(uid);
  }

  #now(type: WatchEventType, object: KubernetesObject): WatchEventType {
    const { uid, resourceVersion } = object.metadata;
    const known = this.#byUid.get(uid);
    this.#set(uid, { version: resourceVersion, name: nameOf(object), isGone: type === "DELETED" });
    if (type === "DELETED") return type;
    return known === undefined || known.isGone ? "ADDED" : "MODIFIED";
  }

  #set(uid: string, object: KnownObject): void {
    this.#byUid.set(uid, object);
    if (!object.isGone) this.#byName.set(object.name, uid);
    else if (this.#byName.get(object.name) === uid) this.#byName.delete(object.name);
  }
}
