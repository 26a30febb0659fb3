import type { DataSource } from "typeorm";
import type { OrderedSource } from "../lib/ordered-source.js";
import type { Change, ChangedResource } from "../model/change.js";
import type { ChangeType } from "../model/resource.js";
import type { Wakeups } from "./wakeups.js";
import { withStore } from "./with-store.js";

interface ChangeFilter {
  readonly namespace?: string;
}

interface ChangeRow {
  readonly head: string;
  /** Null in the one row that there is where nothing is new. */
  readonly sequence: string | null;
  readonly kind: ChangedResource["kind"];
  readonly type: ChangeType;
  readonly resource: StoredResource;
}

/** Its times are texts. */
type StoredResource = Readonly<Record<string, unknown>>;

/** Every change of a resource, in the order of commits. */
export class ChangeFeed implements OrderedSource<Change, ChangeFilter> {
  constructor(
    private readonly dataSource: DataSource,
    private readonly wakeups: Wakeups,
  ) {}

  async latest(): Promise<string> {
    const sql = "SELECT coalesce(max(sequence), 0) AS head FROM change";
    const rows: { head: string }[] = await withStore(() => this.dataSource.query(sql));
    return rows[0]?.head ?? "0";
  }

  async read(
    position: string,
    { namespace }: ChangeFilter,
    limit: number,
  ): Promise<{ items: Change[]; position: string }> {
    // One statement, so one moment: everything up to `head` was looked at.
    const sql = `SELECT head.sequence AS head, c.sequence, c.kind, c.type, c.resource
      FROM (SELECT coalesce(max(sequence), 0) AS sequence FROM change) head
      LEFT JOIN LATERAL (
        SELECT * FROM change
        WHERE sequence > $1 AND ($2::text IS NULL OR namespace = $2) ORDER BY sequence LIMIT $3
      ) c ON true ORDER BY c.sequence`;
    const rows: ChangeRow[] = await withStore(() => this.dataSource.query(sql, [position, namespace ?? null, limit]));
    const items = rows.flatMap((row) => (row.sequence === null ? [] : [toChange(row, row.sequence)]));
    const reached = items.length === limit ? items.at(-1)?.sequence : rows[0]?.head;
    return { items, position: later(position, reached ?? position) };
  }

  wait(signal: AbortSignal): Promise<void> {
    return this.wakeups.wait("fermi_change", signal);
  }
}

/** The outbox may have been emptied below the position; it never goes back. */
const later = (a: string, b: string): string => (BigInt(a) > BigInt(b) ? a : b);

const timeFields = ["createdAt", "updatedAt", "armedAt"];

function toChange({ kind, type, resource }: ChangeRow, sequence: string): Change {
  const times = Object.entries(resource).filter(([name]) => timeFields.includes(name));
  const revived = { ...resource, ...Object.fromEntries(times.map(([name, text]) => [name, new Date(String(text))])) };
  // One that an older version announced knew no modes.
  const complete = kind === "HttpTrigger" ? { mode: "SYNC", ...revived } : revived;
  return { sequence, type, kind, resource: complete } as unknown as Change;
}
