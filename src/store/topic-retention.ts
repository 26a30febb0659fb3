import type { DataSource, EntityManager } from "typeorm";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { ResyncLoop } from "../lib/resync-loop.js";
import type { Stoppable } from "../lib/stoppable.js";
import { tryAll } from "../lib/try-all.js";
import { BatchSize } from "./batch-size.js";
import { storeUnavailable } from "./store-error.js";
import { TopicVolume, type MessageSize } from "./topic-volume.js";
import { withStore } from "./with-store.js";

export interface TopicRetentionOptions {
  readonly dataSource: DataSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A message that is older goes, handled or not. */
  readonly retentionMs: number;
  /** Bound on all messages; those that are handled go first, and beyond it nothing is published. */
  readonly maxBytes: number;
  readonly everyMs?: number;
}

const defaultEveryMs = 15_000;
/** However much is to go, no statement removes more. */
const batch = 500;
/** Of messages, which may be large. */
const messageBatch = { first: 50, most: batch };
/** Nor looks at more. */
const looked = 10_000;

interface Expired {
  readonly messages: number;
  readonly undelivered: number;
}

/** Keeps the messages of topics within their time and their room. For one process at a time. */
export class TopicRetention implements Stoppable {
  #loop: ResyncLoop | undefined;
  readonly #volume: TopicVolume;
  readonly #stopping = new AbortController();
  readonly #expiring = new BatchSize(messageBatch);
  readonly #emptying = new BatchSize(messageBatch);

  constructor(private readonly options: TopicRetentionOptions) {
    this.#volume = new TopicVolume(options.dataSource, options.clock);
  }

  start(): void {
    const { clock, everyMs = defaultEveryMs } = this.options;
    this.#loop ??= new ResyncLoop(() => this.#run(), everyMs, clock);
    void this.#loop.ask();
  }

  /** Breaks off what is being removed, and resolves when that is over. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop?.stop();
  }

  /** Messages whose time is over, and how many of their deliveries were still to be made. */
  async expire(): Promise<Expired> {
    const before = new Date(this.options.clock.now().getTime() - this.options.retentionMs);
    let [messages, undelivered] = [0, 0];
    for (;;) {
      const gone = await this.#expiring.run((rows) => this.#expireBatch(before, rows));
      messages += gone.messages;
      undelivered += gone.undelivered;
      if (gone.isAll) return { messages, undelivered };
    }
  }

  /** Deliveries of triggers that are no more. */
  async removeOrphans(): Promise<void> {
    for (const table of ["topic_delivery", "topic_lane"]) {
      for (let count = batch; count === batch;) {
        this.#stopping.signal.throwIfAborted();
        const rows: { count: number }[] = await withStore(() => this.options.dataSource.query(removeOrphans(table)));
        count = rows[0]?.count ?? 0;
      }
    }
  }

  /** Makes room where there is too little, and says whether there is any. Resolves to the bytes that are taken. */
  async measure(): Promise<number> {
    const { maxBytes } = this.options;
    const bytes = await this.#makeRoom(await this.#volume.measure(this.#stopping.signal));
    const sql = `INSERT INTO topic_room (is_only_row, is_full, size_bytes, measured_at) VALUES (true, $1, $2, now())
      ON CONFLICT (is_only_row) DO UPDATE SET is_full = excluded.is_full, size_bytes = excluded.size_bytes,
        measured_at = excluded.measured_at`;
    await withStore(() => this.options.dataSource.query(sql, [bytes > maxBytes, bytes]));
    return bytes;
  }

  async #run(): Promise<void> {
    const { logger } = this.options;
    try {
      await tryAll([() => this.removeOrphans(), () => this.#expireAndTell(), () => this.measure()]);
    } catch (error) {
      if (!this.#stopping.signal.aborted)
        logger.warn({ err: error }, "messages of topics can't be kept within their bounds now; trying again");
      throw error;
    }
  }

  async #expireAndTell(): Promise<void> {
    const { messages, undelivered } = await this.expire();
    if (undelivered === 0) return;
    this.options.logger.warn({ messages, undelivered }, "messages have expired before all were handled");
  }

  async #expireBatch(before: Date, rows: number): Promise<Expired & { readonly isAll: boolean }> {
    this.#stopping.signal.throwIfAborted();
    const { gone, undelivered } = await withStore((isLate) =>
      this.options.dataSource.transaction(async (db) => {
        const expired = await expireBatch(db, before, rows);
        if (isLate()) throw storeUnavailable("took too long");
        return expired;
      }),
    );
    this.#volume.remove(gone);
    return { messages: gone.length, undelivered, isAll: gone.length < rows };
  }

  /** Of the messages that nobody waits for the oldest go. Resolves to the bytes that are taken then. */
  async #makeRoom(taken: number): Promise<number> {
    let bytes = taken;
    for (let reached: string | null = "0"; reached !== null && bytes > this.options.maxBytes;) {
      const after: string = reached;
      const removed = await this.#emptying.run((rows) => this.#removeHandled(after, rows));
      reached = removed[0]?.reached ?? null;
      bytes -= this.#volume.remove(
        removed.flatMap(({ seq, size_bytes }) => (seq === null ? [] : [{ seq, size_bytes }])),
      );
    }
    return bytes;
  }

  #removeHandled(after: string, rows: number): Promise<Removed[]> {
    this.#stopping.signal.throwIfAborted();
    return withStore(() => this.options.dataSource.query(removeHandled, [after, rows]));
  }
}

/** What is locked is being worked with for the last time, and is found at the next run. */
const removeOrphans = (table: string): string => `WITH gone AS (
    DELETE FROM ${table} WHERE ctid = ANY(ARRAY(
      SELECT orphan.ctid FROM queue_trigger t JOIN ${table} orphan ON orphan.trigger_id = t.id
      WHERE t.deleted_at IS NOT NULL LIMIT ${batch} FOR UPDATE OF orphan SKIP LOCKED
    )) RETURNING 1
  ) SELECT count(*)::integer AS count FROM gone`;

/** As the driver gives it: one row, without a message, where none was removed. */
interface Removed {
  readonly reached: string | null;
  readonly seq: string | null;
  readonly size_bytes: number;
}

/** The $2 oldest handled ones after $1; `reached` is how far was looked, null where nothing is left to look at. */
const removeHandled = `
  WITH looked_at AS MATERIALIZED (
    SELECT seq FROM topic_message WHERE seq > $1 ORDER BY seq LIMIT ${looked}
  ), handled AS MATERIALIZED (
    SELECT seq FROM looked_at WHERE NOT EXISTS (SELECT FROM topic_delivery d WHERE d.seq = looked_at.seq)
    ORDER BY seq LIMIT $2::int
  ), gone AS (
    DELETE FROM topic_message WHERE seq IN (SELECT seq FROM handled) RETURNING seq, size_bytes
  ), reached AS (
    SELECT CASE WHEN (SELECT count(*) FROM handled) = $2::int THEN (SELECT max(seq) FROM handled)
      ELSE (SELECT max(seq) FROM looked_at) END AS reached
  )
  SELECT reached.reached, gone.seq, gone.size_bytes FROM reached LEFT JOIN gone ON true`;

const oldest = `SELECT seq FROM topic_message WHERE published_at < $1 ORDER BY published_at LIMIT $2`;

/** In the order in which publishers lock them, so that none waits for another in a circle. */
const lockLanes = `SELECT FROM topic_lane l
  WHERE (trigger_id, lane) IN (SELECT trigger_id, lane FROM topic_delivery WHERE seq = ANY($1))
  ORDER BY trigger_id, lane FOR UPDATE`;

const removeDeliveries = `
  WITH gone AS (
    DELETE FROM topic_delivery WHERE seq = ANY($1) RETURNING trigger_id, lane
  ), counted AS (
    SELECT trigger_id, lane, count(*)::int AS count FROM gone GROUP BY 1, 2
  ), told AS (
    UPDATE topic_lane l SET pending = pending - counted.count, epoch = nextval('topic_epoch'),
      leased_until = NULL, available_at = statement_timestamp()
    FROM counted WHERE l.trigger_id = counted.trigger_id AND l.lane = counted.lane
  )
  SELECT trigger_id, lane, count FROM counted`;

const removeEmptyLanes = `DELETE FROM topic_lane WHERE pending <= 0
  AND (trigger_id, lane) IN (SELECT * FROM unnest($1::uuid[], $2::text[]))`;

async function expireBatch(
  db: EntityManager,
  before: Date,
  rows: number,
): Promise<{ gone: readonly MessageSize[]; undelivered: number }> {
  const old: { seq: string }[] = await db.query(oldest, [before, rows]);
  const seqs = old.map(({ seq }) => seq);
  await db.query(lockLanes, [seqs]);
  const lanes: { trigger_id: string; lane: string; count: number }[] = await db.query(removeDeliveries, [seqs]);
  await db.query(removeEmptyLanes, [lanes.map((row) => row.trigger_id), lanes.map((row) => row.lane)]);
  const [gone] = await db.query<[MessageSize[], number]>(
    "DELETE FROM topic_message WHERE seq = ANY($1) RETURNING seq, size_bytes",
    [seqs],
  );
  return { gone, undelivered: lanes.reduce((sum, { count }) => sum + count, 0) };
}
