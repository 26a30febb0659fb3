import type { DataSource, EntityManager } from "typeorm";
import type { TopicMessage } from "../../model/topic-message.js";
import { storeUnavailable } from "../store-error.js";
import { withStore } from "../with-store.js";
import { publishWith, type StoredMessage } from "./topic.repository.js";

/** A message that this process may handle, until its lease ends or is renewed. */
export interface ClaimedMessage {
  readonly triggerId: string;
  readonly lane: string;
  /** Proof of the lease. */
  readonly epoch: string;
  readonly seq: string;
  /** Counts from 1. */
  readonly attempt: number;
  readonly message: TopicMessage;
}

export type Lease = Pick<ClaimedMessage, "triggerId" | "lane" | "epoch">;

/** How much of a trigger's backlog is to be claimed. */
export interface Claim {
  readonly triggerId: string;
  /** At most so many. */
  readonly limit: number;
  /** Of all processes together. */
  readonly concurrency: number;
  readonly leaseMs: number;
  /** Also what others have let run out; true where nothing is said. Where not, that counts as being handled. */
  readonly takesOver?: boolean;
  /** Of messages together; one is claimed in any case. */
  readonly maxBytes?: number;
}

interface ClaimRow extends Omit<TopicMessage, "publishedAt"> {
  readonly lane: string;
  readonly epoch: string;
  readonly seq: string;
  /** Null where the message is gone in the same moment. */
  readonly attempts: number | null;
  readonly published_at: Date;
}

/** Claims of one trigger are made one after another, or together they would exceed its concurrency. */
const claimLock = "SELECT pg_advisory_xact_lock(1836212595, hashtext($1))";

const claimLanes = `
  WITH chosen AS (
    SELECT lane, available_at FROM topic_lane WHERE trigger_id = $1 AND available_at <= statement_timestamp()
      AND ($5 OR leased_until IS NULL)
    ORDER BY available_at
    LIMIT greatest(0, least($2::int, $3::int - (
      SELECT count(*)::int FROM topic_lane WHERE trigger_id = $1
        AND leased_until > CASE WHEN $5 THEN statement_timestamp() ELSE '-infinity' END
    )))
    FOR UPDATE SKIP LOCKED
  ), sized AS (
    SELECT chosen.lane, row_number() OVER line AS place, sum(coalesce(m.size_bytes, 0)) OVER line AS bytes
    FROM chosen LEFT JOIN topic_message m ON m.seq = (
      SELECT min(d.seq) FROM topic_delivery d WHERE d.trigger_id = $1 AND d.lane = chosen.lane
    )
    WINDOW line AS (ORDER BY chosen.available_at, chosen.lane)
  ), leased AS (
    UPDATE topic_lane l SET epoch = nextval('topic_epoch'),
      leased_until = statement_timestamp() + $4 * interval '1 ms',
      available_at = statement_timestamp() + $4 * interval '1 ms'
    FROM sized WHERE l.trigger_id = $1 AND l.lane = sized.lane AND (place = 1 OR bytes <= $6)
    RETURNING l.lane, l.epoch
  ), head AS (
    SELECT lane, epoch, (
      SELECT min(d.seq) FROM topic_delivery d WHERE d.trigger_id = $1 AND d.lane = leased.lane
    ) AS seq FROM leased
  ), counted AS (
    UPDATE topic_delivery d SET attempts = attempts + 1
    FROM head WHERE d.trigger_id = $1 AND d.lane = head.lane AND d.seq = head.seq
    RETURNING d.seq, d.attempts
  )
  SELECT head.lane, head.epoch, head.seq, counted.attempts, m.id, m.namespace, m.topic, m.key, m.headers, m.body,
    m.published_at
  FROM head LEFT JOIN counted ON counted.seq = head.seq LEFT JOIN topic_message m ON m.seq = head.seq
  ORDER BY head.seq`;

/** The lane goes with its last message. Both conditions on \`pending\` may fail at once where a message comes just then. */
const finishLane = `
  WITH last AS (
    DELETE FROM topic_lane WHERE trigger_id = $1 AND lane = $2 AND epoch = $3 AND pending <= 1 RETURNING lane
  ), more AS (
    UPDATE topic_lane SET pending = pending - 1, leased_until = NULL, available_at = statement_timestamp()
    WHERE trigger_id = $1 AND lane = $2 AND epoch = $3 AND pending > 1 RETURNING lane
  ), done AS (SELECT lane FROM last UNION ALL SELECT lane FROM more), dealt AS (
    DELETE FROM topic_delivery WHERE trigger_id = $1 AND lane = $2 AND seq = $4 AND EXISTS (SELECT FROM done)
  )
  SELECT lane FROM done`;

const postponeLane = `
  WITH kept AS (
    UPDATE topic_lane SET leased_until = NULL, available_at = statement_timestamp() + $4 * interval '1 ms'
    WHERE trigger_id = $1 AND lane = $2 AND epoch = $3 RETURNING lane
  ), uncounted AS (
    UPDATE topic_delivery SET attempts = attempts - 1
    WHERE trigger_id = $1 AND lane = $2 AND seq = $5 AND NOT $6 AND EXISTS (SELECT FROM kept)
  )
  SELECT lane FROM kept`;

/** In the order in which publishers lock them. */
const renewLanes = `
  WITH mine AS (
    SELECT l.trigger_id, l.lane, l.epoch FROM topic_lane l
    JOIN unnest($1::uuid[], $2::text[], $3::bigint[]) AS held (trigger_id, lane, epoch)
      ON l.trigger_id = held.trigger_id AND l.lane = held.lane AND l.epoch = held.epoch
    ORDER BY l.trigger_id, l.lane FOR UPDATE OF l
  )
  UPDATE topic_lane l SET leased_until = statement_timestamp() + $4 * interval '1 ms',
    available_at = statement_timestamp() + $4 * interval '1 ms'
  FROM mine WHERE l.trigger_id = mine.trigger_id AND l.lane = mine.lane AND l.epoch = mine.epoch
  RETURNING l.epoch`;

/** The lane $1, $2 and those of the keys of messages that follow, in the order in which publishers lock them. */
const lockLanesInOrder = `
  SELECT FROM topic_lane WHERE (trigger_id, lane) IN (
    SELECT $1::uuid, $2::text UNION
    SELECT t.id, 'k:' || message.key FROM unnest($3::text[], $4::text[], $5::text[]) AS message (namespace, topic, key)
    JOIN queue_trigger t ON t.namespace = message.namespace AND t.topic = message.topic AND t.deleted_at IS NULL
  ) ORDER BY trigger_id, lane FOR UPDATE`;

/** What triggers have of their topics' messages: claimed under a lease, and done with by whoever still holds it. */
export class TopicDeliveryRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** In how many milliseconds something may be claimed, by trigger; those that wait for nothing are not in it. */
  async due(triggerIds: readonly string[]): Promise<Map<string, number>> {
    const sql = `SELECT id, extract(epoch FROM next.at - statement_timestamp())::float8 * 1000 AS ms
      FROM unnest($1::uuid[]) AS id,
        LATERAL (SELECT min(available_at) AS at FROM topic_lane WHERE trigger_id = id) AS next
      WHERE next.at IS NOT NULL`;
    const rows: { id: string; ms: number }[] = await withStore(() => this.dataSource.query(sql, [triggerIds]));
    return new Map(rows.map(({ id, ms }) => [id, Math.max(0, ms)]));
  }

  async claim(claim: Claim): Promise<ClaimedMessage[]> {
    const { triggerId, limit, concurrency, leaseMs, takesOver = true, maxBytes = Number.MAX_SAFE_INTEGER } = claim;
    const bounds = [triggerId, limit, concurrency, leaseMs, takesOver, maxBytes];
    const rows = await this.#write(async (db) => {
      await db.query(claimLock, [triggerId]);
      const claimed: ClaimRow[] = await db.query(claimLanes, bounds);
      for (const { lane, epoch, attempts } of claimed) {
        if (attempts === null) await db.query(postponeLane, [triggerId, lane, epoch, 0, null, true]);
      }
      return claimed;
    });
    return rows.flatMap((row) => (row.attempts === null ? [] : [toClaimed(triggerId, row, row.attempts)]));
  }

  /** Those that are held no more: another has them, or they are gone. */
  async renew(leases: readonly Lease[], leaseMs: number): Promise<ReadonlySet<string>> {
    const columns = [leases.map((l) => l.triggerId), leases.map((l) => l.lane), leases.map((l) => l.epoch), leaseMs];
    const answer: [{ epoch: string }[], number] = await withStore(() => this.dataSource.query(renewLanes, columns));
    const held = new Set(answer[0].map(({ epoch }) => epoch));
    return new Set(leases.flatMap(({ epoch }) => (held.has(epoch) ? [] : [epoch])));
  }

  /**
   * The trigger is done with the message, and what follows from it is published, both or neither. False, and nothing
   * published, where the lease was lost.
   */
  async finish(claimed: ClaimedMessage, followUps: readonly StoredMessage[]): Promise<boolean> {
    if (followUps.length === 0) return withStore(() => this.#finish(this.dataSource.manager, claimed));
    return this.#write(async (db) => {
      await lockLanes(db, claimed, followUps);
      const isHeld = await this.#finish(db, claimed);
      // It takes the place of the message that it follows from: refused, that one would hold its place for ever.
      if (isHeld) for (const message of followUps) await publishWith(db, message, false);
      return isHeld;
    });
  }

  /** It comes again after the pause, to whoever is free then; an attempt that does not count is forgotten. False where the lease was lost. */
  async postpone(
    { triggerId, lane, epoch, seq }: ClaimedMessage,
    { pauseMs, counts }: { readonly pauseMs: number; readonly counts: boolean },
  ): Promise<boolean> {
    const parameters = [triggerId, lane, epoch, pauseMs, seq, counts];
    const kept: unknown[] = await withStore(() => this.dataSource.query(postponeLane, parameters));
    return kept.length > 0;
  }

  /** Messages that are not dealt with, by trigger; every asked trigger is in the map. */
  async backlog(triggerIds: readonly string[]): Promise<Map<string, number>> {
    const sql = `SELECT trigger_id, sum(pending)::int AS count FROM topic_lane WHERE trigger_id = ANY($1) GROUP BY 1`;
    const rows: { trigger_id: string; count: number }[] = await withStore(() =>
      this.dataSource.query(sql, [triggerIds]),
    );
    const counts = new Map(rows.map(({ trigger_id: id, count }) => [id, count]));
    return new Map(triggerIds.map((id) => [id, counts.get(id) ?? 0]));
  }

  async #finish(db: EntityManager, { triggerId, lane, epoch, seq }: ClaimedMessage): Promise<boolean> {
    for (let tries = 0; tries < 2; tries++) {
      const done: unknown[] = await db.query(finishLane, [triggerId, lane, epoch, seq]);
      if (done.length > 0) return true;
    }
    return false;
  }

  #write<T>(work: (db: EntityManager) => Promise<T>): Promise<T> {
    return withStore((isLate) =>
      this.dataSource.transaction(async (db) => {
        const result = await work(db);
        // The caller has been told that nothing came of it, so nothing may.
        if (isLate()) throw storeUnavailable("took too long");
        return result;
      }),
    );
  }
}

/**
 * Triggers that answer into each other's topics under one key would else each hold its own lane and wait for the other's. A
 * lane that is only just being made can't be locked here: at worst Postgres ends the circle, and it is tried again.
 */
async function lockLanes(db: EntityManager, own: ClaimedMessage, followUps: readonly StoredMessage[]): Promise<void> {
  const keyed = followUps.filter(({ key }) => key !== null);
  if (keyed.length === 0) return;
  const columns = [keyed.map((m) => m.namespace), keyed.map((m) => m.topic), keyed.map((m) => m.key)];
  await db.query(lockLanesInOrder, [own.triggerId, own.lane, ...columns]);
}

function toClaimed(triggerId: string, row: ClaimRow, attempt: number): ClaimedMessage {
  const { lane, epoch, seq, id, namespace, topic, key, headers, body, published_at: publishedAt } = row;
  return {
    ...{ triggerId, lane, epoch, seq, attempt },
    message: { id, namespace, topic, key, headers, body, publishedAt },
  };
}
