/** Triggers as they are to be, made of what was asked for; pure. */
import type {
  HttpTriggerChange,
  KubernetesWatchTriggerChange,
  NewCorsPolicy,
  NewHttpTrigger,
  NewKubernetesWatchTrigger,
  NewQueueTrigger,
  NewTimeTrigger,
  QueueTriggerChange,
  TimeTriggerChange,
} from "../model/inputs.js";
import type { CorsPolicy, HttpTrigger, KubernetesWatchTrigger, QueueTrigger, TimeTrigger } from "../model/trigger.js";

/** What a kind of trigger has besides what all have. */
type Own<T> = Omit<T, keyof TimeTrigger & keyof QueueTrigger>;

export const newRoute = ({ methods, path, host, cors, mode }: NewHttpTrigger): Own<HttpTrigger> => ({
  methods: [...methods],
  path,
  host: host ?? null,
  cors: corsPolicy(cors),
  mode: mode ?? "SYNC",
});

export const changedRoute = (current: HttpTrigger, change: HttpTriggerChange): Own<HttpTrigger> => ({
  methods: change.methods ?? current.methods,
  path: change.path ?? current.path,
  host: given(change.host, current.host),
  cors: change.cors === undefined ? current.cors : corsPolicy(change.cors),
  mode: change.mode ?? current.mode,
});

export const newTimer = (input: NewTimeTrigger, armedAt: Date): Own<TimeTrigger> => ({
  schedule: input.schedule,
  timezone: input.timezone,
  onMissed: input.onMissed,
  missedWindowSeconds: input.missedWindowSeconds,
  overlap: input.overlap,
  armedAt,
});

/** Another schedule or time zone counts from now on; what was due before is not made up by it. */
export function changedTimer(current: TimeTrigger, change: TimeTriggerChange, now: Date): Own<TimeTrigger> {
  const { schedule, timezone } = {
    schedule: change.schedule ?? current.schedule,
    timezone: change.timezone ?? current.timezone,
  };
  const isSameSchedule = schedule === current.schedule && timezone === current.timezone;
  return {
    schedule,
    timezone,
    onMissed: change.onMissed ?? current.onMissed,
    missedWindowSeconds: change.missedWindowSeconds ?? current.missedWindowSeconds,
    overlap: change.overlap ?? current.overlap,
    armedAt: isSameSchedule ? current.armedAt : now,
  };
}

export const newWatch = (input: NewKubernetesWatchTrigger): Own<KubernetesWatchTrigger> => ({
  apiVersion: input.apiVersion,
  objectKind: input.kind,
  watchNamespace: input.watchNamespace ?? null,
  labelSelector: input.labelSelector ?? null,
  fieldSelector: input.fieldSelector ?? null,
});

export const changedWatch = (
  current: KubernetesWatchTrigger,
  change: KubernetesWatchTriggerChange,
): Own<KubernetesWatchTrigger> => ({
  apiVersion: current.apiVersion,
  objectKind: current.objectKind,
  watchNamespace: given(change.watchNamespace, current.watchNamespace),
  labelSelector: given(change.labelSelector, current.labelSelector),
  fieldSelector: given(change.fieldSelector, current.fieldSelector),
});

export const newQueue = (input: NewQueueTrigger): Own<QueueTrigger> => ({
  broker: input.broker,
  topic: input.topic,
  responseTopic: input.responseTopic ?? null,
  errorTopic: input.errorTopic ?? null,
  maxAttempts: input.maxAttempts,
  concurrency: input.concurrency,
});

export const changedQueue = (current: QueueTrigger, change: QueueTriggerChange): Own<QueueTrigger> => ({
  broker: current.broker,
  topic: change.topic ?? current.topic,
  responseTopic: given(change.responseTopic, current.responseTopic),
  errorTopic: given(change.errorTopic, current.errorTopic),
  maxAttempts: change.maxAttempts ?? current.maxAttempts,
  concurrency: change.concurrency ?? current.concurrency,
});

/** Null takes it away; undefined leaves it. */
const given = (changed: string | null | undefined, current: string | null): string | null =>
  changed === undefined ? current : changed;

function corsPolicy(input: NewCorsPolicy | null | undefined): CorsPolicy | null {
  if (input == null) return null;
  const { allowOrigins, allowMethods, allowHeaders, exposeHeaders, allowCredentials, maxAgeSeconds } = input;
  return {
    allowOrigins: [...allowOrigins],
    allowMethods: [...(allowMethods ?? [])],
    allowHeaders: [...(allowHeaders ?? [])],
    exposeHeaders: [...(exposeHeaders ?? [])],
    allowCredentials,
    maxAgeSeconds,
  };
}
