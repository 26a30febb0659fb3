import type { DataSource, EntityManager } from "typeorm";
import type { Clock } from "../lib/clock.js";
import type { Logger } from "../lib/logger.js";
import { ResyncLoop } from "../lib/resync-loop.js";
import type { Stoppable } from "../lib/stoppable.js";
import { storeUnavailable } from "./store-error.js";
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
const batch = 500;

interface Expired {
  readonly messages: number;
  readonly undelivered: number;
}

/** Keeps the messages of topics within their time and their room. For one process at a time. */
export class TopicRetention implements Stoppable {
  #loop: ResyncLoop | undefined;

  constructor(private readonly options: TopicRetentionOptions) {}

  start(): void {
    const { clock, everyMs = defaultEveryMs } = this.options;
    this.#loop ??= new ResyncLoop(() => this.#run(), everyMs, clock);
    void this.#loop.ask();
  }

  async stop(): Promise<void> {
    await this.#loop?.stop();
  }

  /** Messages whose time is over, and how many of their deliveries were still to be made. */
  async expire(): Promise<Expired> {
    const before = new Date(this.options.clock.now().getTime() - this.options.retentionMs);
    let [messages, undelivered] = [0, 0];
    for (;;) {
      const gone = await this.#expireBatch(before);
      messages += gone.messages;
      undelivered += gone.undelivered;
      if (gone.messages < batch) return { messages, undelivered };
    }
  }

  /** Deliveries of triggers that are no more. */
  async removeOrphans(): Promise<void> {
    for (const table of ["topic_delivery", "topic_lane"]) {
      await this.#query(
        `DELETE FROM ${table} USING queue_trigger t WHERE trigger_id = t.id AND t.deleted_at IS NOT NULL`,
      );
    }
  }

  /** Makes room where there is too little, and says whether there is any. Resolves to the bytes that are taken. */
  async measure(): Promise<number> {
    let bytes = await this.#size();
    while (bytes > this.options.maxBytes) {
      const freed = await this.#removeHandled();
      if (freed === 0) break;
      bytes -= freed;
    }
    const sql = `INSERT INTO topic_room (is_only_row, is_full, size_bytes, measured_at) VALUES (true, $1, $2, now())
      ON CONFLICT (is_only_row) DO UPDATE SET is_full = excluded.is_full, size_bytes = excluded.size_bytes,
        measured_at = excluded.measured_at`;
    await this.#query(sql, [bytes > this.options.maxBytes, bytes]);
    return bytes;
  }

  async #run(): Promise<void> {
    const { logger } = this.options;
    try {
      await this.removeOrphans();
      const { messages, undelivered } = await this.expire();
      if (undelivered > 0) logger.warn({ messages, undelivered }, "messages have expired before all were handled");
      await this.measure();
    } catch (error) {
      logger.warn({ err: error }, "messages of topics can't be kept within their bounds now; trying again");
      throw error;
    }
  }

  #expireBatch(before: Date): Promise<Expired> {
    return withStore((isLate) =>
      this.options.dataSource.transaction(async (db) => {
        const expired = await expireBatch(db, before);
        if (isLate()) throw storeUnavailable("took too long");
        return expired;
      }),
    );
  }

  async #size(): Promise<number> {
    const rows: { bytes: string }[] = await withStore(() =>
      this.options.dataSource.query("SELECT coalesce(sum(size_bytes), 0) AS bytes FROM topic_message"),
    );
    return Number(rows[0]?.bytes ?? 0);
  }

  /** The oldest that nobody waits for; resolves to their bytes. */
  async #removeHandled(): Promise<number> {
    const sql = `WITH gone AS (
      DELETE FROM topic_message WHERE seq IN (
        SELECT m.seq FROM topic_message m
        WHERE NOT EXISTS (SELECT FROM topic_delivery d WHERE d.seq = m.seq) ORDER BY m.seq LIMIT ${batch}
      ) RETURNING size_bytes
    ) SELECT coalesce(sum(size_bytes), 0) AS bytes FROM gone`;
    const rows: { bytes: string }[] = await withStore(() => this.options.dataSource.query(sql));
    return Number(rows[0]?.bytes ?? 0);
  }

  #query(sql: string, parameters: unknown[] = []): Promise<unknown> {
    return withStore(() => this.options.dataSource.query(sql, parameters));
  }
}

const oldest = `SELECT seq FROM topic_message WHERE published_at < $1 ORDER BY published_at LIMIT ${batch}`;

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

async function expireBatch(db: EntityManager, before: Date): Promise<Expired> {
  const old: { seq: string }[] = await db.query(oldest, [before]);
  const seqs = old.map(({ seq }) => seq);
  await db.query(lockLanes, [seqs]);
  const gone: { trigger_id: string; lane: string; count: number }[] = await db.query(removeDeliveries, [seqs]);
  await db.query(removeEmptyLanes, [gone.map((row) => row.trigger_id), gone.map((row) => row.lane)]);
  await db.query("DELETE FROM topic_message WHERE seq = ANY($1)", [seqs]);
  return { messages: seqs.length, undelivered: gone.reduce((sum, { count }) => sum + count, 0) };
}
