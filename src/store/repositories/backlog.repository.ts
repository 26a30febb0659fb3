import type { DataSource } from "typeorm";
import { triggerConditions, type QueueTrigger, type TriggerCondition, type TriggerKind } from "../../model/trigger.js";
import { withStore } from "../with-store.js";
import { queuedFunctions } from "./async-invocation-rows.js";

/** What waits in the store, and how triggers do. Counts stop at a bound, so that looking costs no more however much waits. */
export interface Backlogs {
  readonly async: AsyncBacklog;
  /** Of enabled queue triggers whose messages are in the store. */
  readonly queues: readonly QueueBacklogCount[];
  /** Enabled queue triggers whose messages are not in the store. */
  readonly elsewhere: readonly QueueElsewhere[];
  /** Of enabled triggers that call by themselves. */
  readonly triggers: readonly TriggerCount[];
}

export interface QueueBacklogCount {
  readonly namespace: string;
  readonly trigger: string;
  readonly count: number;
}

export type QueueElsewhere = Pick<QueueTrigger, "id" | "namespace" | "name" | "broker" | "topic">;

export interface AsyncBacklog {
  /** Due by now. */
  readonly waiting: number;
  /** How long the oldest of these is due. */
  readonly oldestSeconds: number;
  readonly begun: number;
}

export interface TriggerCount {
  readonly kind: TriggerKind;
  readonly condition: TriggerCondition;
  readonly count: number;
}

const defaultMaxCounted = 100_000;
const maxQueues = 1_000;
const maxLanes = 10_000;

const upTo = (maxCounted: number, condition: string): string => `(SELECT count(*)::integer FROM (
    SELECT FROM async_invocation WHERE ${condition} LIMIT ${maxCounted}) AS found)`;

/** The oldest is one function's oldest: so it is found also where more are due than are counted. */
const asyncBacklog = (
  maxCounted: number,
): string => `WITH RECURSIVE ${queuedFunctions("'00000000-0000-0000-0000-000000000000'")}
  SELECT ${upTo(maxCounted, "state = 'QUEUED' AND available_at <= now()")} AS waiting,
    ${upTo(maxCounted, "state = 'RUNNING'")} AS begun,
    (SELECT coalesce(extract(epoch FROM now() - min(oldest.at)), 0)::float8 FROM queued CROSS JOIN LATERAL (
      SELECT available_at AS at FROM async_invocation AS a WHERE a.state = 'QUEUED' AND a.function_id = queued.function_id
        AND a.available_at <= now() ORDER BY a.available_at LIMIT 1) AS oldest) AS "oldestSeconds"`;

const queueBacklogs = `SELECT queue.namespace, queue.name AS trigger, coalesce(lanes.count, 0)::integer AS count
  FROM (SELECT id, namespace, name FROM queue_trigger WHERE deleted_at IS NULL AND enabled AND broker = 'POSTGRES'
    ORDER BY namespace, name LIMIT ${maxQueues}) AS queue
  CROSS JOIN LATERAL (SELECT sum(pending) AS count FROM (
    SELECT pending FROM topic_lane WHERE trigger_id = queue.id LIMIT ${maxLanes}) AS looked_at) AS lanes`;

const queuesElsewhere = `SELECT id, namespace, name, broker, topic FROM queue_trigger
  WHERE deleted_at IS NULL AND enabled AND broker <> 'POSTGRES' ORDER BY namespace, name LIMIT ${maxQueues}`;

const kinds: readonly (readonly [TriggerKind, string])[] = [
  ["TIME", "time_trigger"],
  ["KUBERNETES_WATCH", "watch_trigger"],
  ["QUEUE", "queue_trigger"],
];

const triggerCounts = kinds
  .map(
    ([
      kind,
      table,
    ]) => `SELECT '${kind}' AS kind, coalesce(s.condition, 'UNKNOWN') AS condition, count(*)::integer AS count
      FROM ${table} AS t LEFT JOIN trigger_status AS s ON s.trigger_id = t.id
      WHERE t.deleted_at IS NULL AND t.enabled GROUP BY 1, 2`,
  )
  .join(" UNION ALL ");

export class BacklogRepository {
  constructor(
    private readonly dataSource: DataSource,
    private readonly maxCounted = defaultMaxCounted,
  ) {}

  /** Rejects while the store is away. */
  async look(): Promise<Backlogs> {
    const [asyncRows, queues, elsewhere, triggers] = await withStore(() =>
      Promise.all([
        this.dataSource.query<AsyncBacklog[]>(asyncBacklog(this.maxCounted)),
        this.dataSource.query<Backlogs["queues"]>(queueBacklogs),
        this.dataSource.query<QueueElsewhere[]>(queuesElsewhere),
        this.dataSource.query<TriggerCount[]>(triggerCounts),
      ]),
    );
    const [async = { waiting: 0, oldestSeconds: 0, begun: 0 }] = asyncRows;
    return { async, queues, elsewhere, triggers: withNone(triggers) };
  }
}

/** Those of which there is none now are told as 0, so that who looks sees them end. */
function withNone(counts: readonly TriggerCount[]): TriggerCount[] {
  const found = new Map(counts.map(({ kind, condition, count }) => [`${kind} ${condition}`, count]));
  const countOf = (kind: TriggerKind, condition: TriggerCondition): TriggerCount => ({
    ...{ kind, condition },
    count: found.get(`${kind} ${condition}`) ?? 0,
  });
  return kinds.flatMap(([kind]) => triggerConditions.map((condition) => countOf(kind, condition)));
}
