import type { DataSource, EntityManager } from "typeorm";
import { AppError } from "../../errors/app-error.js";
import type { NewTopicMessage, Publication } from "../../model/topic-message.js";
import type { WakeChannel } from "../wakeups.js";
import { withStore } from "../with-store.js";

/** Wakes those who handle messages. */
export const topicChannel: WakeChannel = "fermi_topic";

const maxUnreached = 100;

/**
 * One statement, so all or nothing: the message, and for each trigger that is there a delivery in the lane of its key. A
 * lane's row is locked by whoever adds to it and by whoever takes from it, in the order of triggers, so neither can miss
 * the other and none waits for another in a circle.
 */
const insertMessage = `
  WITH message AS (
    INSERT INTO topic_message (id, namespace, topic, key, headers, body, size_bytes, published_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, statement_timestamp()
    WHERE $8::boolean OR NOT EXISTS (SELECT FROM topic_room WHERE is_full)
    RETURNING seq
  ), listener AS (
    SELECT id, name, broker FROM queue_trigger WHERE namespace = $2 AND topic = $3 AND deleted_at IS NULL
  ), consumer AS (
    SELECT listener.id AS trigger_id, coalesce('k:' || $4, 'm:' || message.seq) AS lane, message.seq
    FROM listener, message WHERE listener.broker = 'POSTGRES'
  ), lane AS (
    INSERT INTO topic_lane AS l (trigger_id, lane, pending, epoch, available_at)
    SELECT trigger_id, lane, 1, 0, statement_timestamp() FROM consumer ORDER BY trigger_id
    ON CONFLICT (trigger_id, lane) DO UPDATE SET pending = l.pending + 1
    RETURNING l.trigger_id
  ), delivery AS (
    INSERT INTO topic_delivery (trigger_id, lane, seq, attempts) SELECT trigger_id, lane, seq, 0 FROM consumer
  )
  SELECT (SELECT count(*)::integer FROM lane) AS deliveries,
    ARRAY(SELECT name FROM listener WHERE broker <> 'POSTGRES' ORDER BY name LIMIT ${maxUnreached}) AS unreached,
    CASE WHEN EXISTS (SELECT FROM lane) THEN pg_notify('${topicChannel}', '') END FROM message`;

export type StoredMessage = NewTopicMessage & { readonly id: string };

/** Rejects with QUEUE_FULL where the messages that wait take up all the room there is, unless it needs none. */
export async function publishWith(
  db: Pick<EntityManager, "query">,
  { id, namespace, topic, key, headers, body }: StoredMessage,
  needsRoom = true,
): Promise<Publication> {
  const sizeBytes = body.length + JSON.stringify(headers).length;
  const row = [id, namespace, topic, key, JSON.stringify(headers), body, sizeBytes, !needsRoom];
  const [stored]: Omit<Publication, "id">[] = await db.query(insertMessage, row);
  if (stored !== undefined) return { id, deliveries: stored.deliveries, unreached: stored.unreached };
  throw new AppError(
    "QUEUE_FULL",
    "The messages that wait take up all the room that topics have (FERMI_TOPIC_MAX_MIB). Try again when some are handled.",
    { retryAfterSeconds: 30 },
  );
}

/** Messages of topics on their way in. */
export class TopicRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Resolves when the message is stored, for each trigger of its topic. */
  publish(message: StoredMessage): Promise<Publication> {
    return withStore(() => publishWith(this.dataSource, message));
  }
}
