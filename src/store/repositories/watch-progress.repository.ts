import type { DataSource, EntityManager } from "typeorm";
import type { KubernetesObjectMetadata } from "../../model/kubernetes-object.js";
import { withStore } from "../with-store.js";

/** One trigger's functions were told of these objects, and of all that happened up to the position. */
export interface WatchProgress {
  readonly triggerId: string;
  /** Of which objects; a position is worth nothing to another selection. */
  readonly selection: string;
  /** Undefined stays as it is, null is none. */
  readonly position: string | null | undefined;
  /** By uid. */
  readonly told: ReadonlyMap<string, { readonly metadata: KubernetesObjectMetadata; readonly isGone: boolean }>;
  readonly forgotten: ReadonlySet<string>;
}

export interface StoredWatch {
  readonly position: string | null;
  /** By uid. */
  readonly objects: ReadonlyMap<string, StoredObject>;
}

interface StoredObject {
  readonly version: string;
  /** With its namespace before a slash, where it has one. */
  readonly name: string;
  readonly isGone: boolean;
}

/** What Kubernetes watches have told functions. Writes are fenced: they name the term in which they were made. */
export class WatchProgressRepository {
  constructor(private readonly dataSource: DataSource) {}

  async beginTerm(): Promise<number> {
    const sql = "UPDATE watch_term SET term = term + 1 RETURNING term";
    const [rows]: [{ term: string }[]] = await withStore(() => this.dataSource.query(sql));
    return Number(rows[0]?.term);
  }

  async prune(): Promise<void> {
    for (const table of ["watch_object", "watch_progress"]) {
      const sql = `DELETE FROM ${table} p WHERE NOT EXISTS
        (SELECT FROM watch_trigger t WHERE t.id = p.trigger_id AND t.deleted_at IS NULL)`;
      await withStore(() => this.dataSource.query(sql));
    }
  }

  async load(triggerId: string, selection: string): Promise<StoredWatch> {
    const position = `SELECT position FROM watch_progress WHERE trigger_id = $1 AND selection = $2`;
    const objects = `SELECT uid, metadata->>'resourceVersion' AS version, is_gone AS "isGone",
        concat_ws('/', metadata->>'namespace', metadata->>'name') AS name
      FROM watch_object WHERE trigger_id = $1`;
    return withStore(() =>
      this.dataSource.transaction("REPEATABLE READ", async (db) => {
        const at: { position: string | null }[] = await db.query(position, [triggerId, selection]);
        return { position: at[0]?.position ?? null, objects: byUid(await db.query(objects, [triggerId])) };
      }),
    );
  }

  async metadata(triggerId: string, uids: readonly string[]): Promise<KubernetesObjectMetadata[]> {
    const sql = "SELECT metadata FROM watch_object WHERE trigger_id = $1 AND uid = ANY($2)";
    const rows: { metadata: KubernetesObjectMetadata }[] = await withStore(() =>
      this.dataSource.query(sql, [triggerId, uids]),
    );
    return rows.map(({ metadata }) => metadata);
  }

  /** All or nothing. Resolves to false where a later term has begun, and nothing was written. */
  async write(term: number, progress: readonly WatchProgress[]): Promise<boolean> {
    return withStore((isLate) =>
      this.dataSource.transaction(async (db) => {
        // Shared, so that the next term begins only when this is committed.
        const current: unknown[] = await db.query("SELECT FROM watch_term WHERE term = $1 FOR SHARE", [term]);
        if (current.length === 0) return false;
        await writeObjects(db, progress);
        await forgetObjects(db, progress);
        await writePositions(db, progress);
        if (isLate()) throw new Error("too late to commit");
        return true;
      }),
    );
  }
}

const byUid = (rows: readonly (StoredObject & { uid: string })[]): Map<string, StoredObject> =>
  new Map(rows.map(({ uid, ...object }) => [uid, object]));

async function writeObjects(db: EntityManager, progress: readonly WatchProgress[]): Promise<void> {
  const rows = progress.flatMap(({ triggerId, told }) =>
    Array.from(told, ([uid, { metadata, isGone }]) => ({ triggerId, uid, isGone, metadata: JSON.stringify(metadata) })),
  );
  if (rows.length === 0) return;
  const sql = `INSERT INTO watch_object (trigger_id, uid, is_gone, metadata)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::jsonb[])
    ON CONFLICT (trigger_id, uid) DO UPDATE SET is_gone = excluded.is_gone, metadata = excluded.metadata`;
  const column = <K extends keyof (typeof rows)[number]>(name: K) => rows.map((row) => row[name]);
  await db.query(sql, [column("triggerId"), column("uid"), column("isGone"), column("metadata")]);
}

async function forgetObjects(db: EntityManager, progress: readonly WatchProgress[]): Promise<void> {
  const rows = progress.flatMap(({ triggerId, forgotten }) => Array.from(forgotten, (uid) => ({ triggerId, uid })));
  if (rows.length === 0) return;
  const sql = `DELETE FROM watch_object o USING unnest($1::uuid[], $2::text[]) AS gone (trigger_id, uid)
    WHERE o.trigger_id = gone.trigger_id AND o.uid = gone.uid`;
  await db.query(sql, [rows.map(({ triggerId }) => triggerId), rows.map(({ uid }) => uid)]);
}

async function writePositions(db: EntityManager, progress: readonly WatchProgress[]): Promise<void> {
  const moved = progress.filter(({ position }) => position !== undefined);
  if (moved.length === 0) return;
  const sql = `INSERT INTO watch_progress (trigger_id, selection, position)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])
    ON CONFLICT (trigger_id) DO UPDATE SET selection = excluded.selection, position = excluded.position`;
  await db.query(sql, [
    moved.map(({ triggerId }) => triggerId),
    moved.map(({ selection }) => selection),
    moved.map(({ position }) => position),
  ]);
}
