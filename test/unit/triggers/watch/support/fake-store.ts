import { AppError } from "../../../../../src/errors/app-error.js";
import type { KubernetesObjectMetadata } from "../../../../../src/model/kubernetes-object.js";
import type { KnownObject } from "../../../../../src/triggers/watch/known-objects.js";
import { nameOf } from "../../../../../src/triggers/watch/watch-event.js";
import type { TriggerProgress, WatchState, WatchStore } from "../../../../../src/triggers/watch/watch-store.js";

interface Row {
  readonly metadata: KubernetesObjectMetadata;
  readonly isGone: boolean;
}

/** What the database does, in memory. */
export class FakeStore implements WatchStore {
  isAway = false;
  term = 0;
  readonly rows = new Map<string, Map<string, Row>>();
  readonly positions = new Map<string, { selection: string; position: string | null }>();

  async beginTerm(): Promise<number> {
    this.#expectThere();
    return ++this.term;
  }

  async prune(): Promise<void> {}

  async load(triggerId: string, selection: string): Promise<WatchState> {
    this.#expectThere();
    const at = this.positions.get(triggerId);
    const rows = [...(this.rows.get(triggerId) ?? [])];
    const known = ([uid, { metadata, isGone }]: [string, Row]): [string, KnownObject] => [
      uid,
      { version: metadata.resourceVersion, name: nameOf({ metadata }), isGone },
    ];
    return {
      position: at?.selection === selection ? at.position : null,
      objects: new Map(rows.map(known)),
    };
  }

  async metadata(triggerId: string, uids: readonly string[]): Promise<KubernetesObjectMetadata[]> {
    this.#expectThere();
    return uids.flatMap((uid) => this.rows.get(triggerId)?.get(uid)?.metadata ?? []);
  }

  async write(term: number, progress: readonly TriggerProgress[]): Promise<boolean> {
    this.#expectThere();
    if (term !== this.term) return false;
    for (const { triggerId, selection, position, told, forgotten } of progress) {
      const rows = this.rows.get(triggerId) ?? new Map<string, Row>();
      this.rows.set(triggerId, rows);
      for (const [uid, row] of told) rows.set(uid, row);
      for (const uid of forgotten) rows.delete(uid);
      if (position !== undefined) this.positions.set(triggerId, { selection, position });
    }
    return true;
  }

  #expectThere(): void {
    if (this.isAway) throw new AppError("STORE_UNAVAILABLE", "away");
  }
}
