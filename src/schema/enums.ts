import { registerEnumType } from "type-graphql";
import type { RuntimeContract } from "../model/environment.js";
import type { InstanceState } from "../model/instance-state.js";
import type { InvocationSource, InvocationStatus } from "../model/invocation.js";
import type { LogStream } from "../model/log-line.js";
import type { ChangeType } from "../model/resource.js";
import type {
  MissedRunPolicy,
  OverlapPolicy,
  QueueBroker,
  RouteMode,
  TriggerCondition,
  TriggerKind,
} from "../model/trigger.js";

/** Declares an enum whose values are the model's own, each with its description. */
function declareEnum<T extends string>(
  name: string,
  description: string,
  descriptions: Record<T, string>,
): { readonly [K in T]: K } {
  const values = Object.keys(descriptions) as T[];
  const enumObject = Object.fromEntries(values.map((value) => [value, value])) as { [K in T]: K };
  const valuesConfig = Object.fromEntries(values.map((value) => [value, { description: descriptions[value] }]));
  registerEnumType(enumObject, { name, description, valuesConfig: valuesConfig as never });
  return enumObject;
}

export const RuntimeContractEnum = declareEnum<RuntimeContract>(
  "RuntimeContract",
  "How an environment's container takes a function in.",
  {
    FERMI: "Code travels inside the specialize request; one container, no sidecar. What Fermi's own images speak.",
    FISSION_V1: "POST /specialize, code at /userfunc/user. Any Fission v1 image.",
    FISSION_V2: "POST /v2/specialize with filepath and functionName. Any Fission v2/v3 image.",
  },
);

export const InstanceStateEnum = declareEnum<InstanceState>("InstanceState", "Where an instance is in its life.", {
  STARTING: "Being started; it does not listen yet.",
  WARM: "Ready to take any function of its environment.",
  SPECIALIZING: "Taken by a function whose code is being loaded.",
  READY: "Serves its function.",
  DRAINING: "Takes no new request, finishes those it has, then ends.",
});

export const TriggerKindEnum = declareEnum<TriggerKind>("TriggerKind", "What makes a trigger call its function.", {
  HTTP: "A request to a route.",
  TIME: "A schedule.",
  KUBERNETES_WATCH: "A change of a Kubernetes object.",
  QUEUE: "A message of a topic.",
});

export const TriggerConditionEnum = declareEnum<TriggerCondition>("TriggerCondition", "How a trigger does.", {
  READY: "It calls its function whenever there is cause.",
  FAILING: "It would, but can't at present; it goes on trying.",
  INVALID: "It can't, and won't until it, or what it depends on, is changed.",
  DISABLED: "It is switched off.",
  UNKNOWN: "Nothing was said of it yet.",
});

export const MissedRunPolicyEnum = declareEnum<MissedRunPolicy>(
  "MissedRunPolicy",
  "What becomes of due times at which nobody could call the function, because Fermi was stopped or its store away.",
  {
    RUN_ONCE: "One call makes up for them, however many there were: that of the last.",
    SKIP: "Nothing: the next call is that of the next due time.",
  },
);

export const OverlapPolicyEnum = declareEnum<OverlapPolicy>(
  "OverlapPolicy",
  "What becomes of a due time while the function has not answered the call before.",
  {
    ALLOW: "The function is called, beside the call before.",
    SKIP: "The due time is left out.",
  },
);

export const QueueBrokerEnum = declareEnum<QueueBroker>("QueueBroker", "What keeps the messages of a topic.", {
  POSTGRES: "Fermi's own store: always there.",
  NATS: "JetStream of the NATS server that is configured.",
});

export const RouteModeEnum = declareEnum<RouteMode>("RouteMode", "Whether callers of a route wait for the answer.", {
  SYNC: "They get the function's answer.",
  ASYNC_ALLOWED: "They get 202 at once where they say `Prefer: respond-async`, else the answer.",
  ASYNC: "They get 202 at once, and an address that tells what came of it.",
});

export const InvocationSourceEnum = declareEnum<InvocationSource>("InvocationSource", "Who called the function.", {
  HTTP: "A request to a route.",
  TIME: "A time trigger.",
  KUBERNETES_WATCH: "A Kubernetes watch trigger.",
  QUEUE: "A queue trigger.",
  GRAPHQL: "A mutation of this API.",
});

export const InvocationStatusEnum = declareEnum<InvocationStatus>(
  "InvocationStatus",
  "How far an invocation has come, or how it ended.",
  {
    QUEUED: "Accepted, not begun.",
    RUNNING: "The function has the request.",
    SUCCEEDED: "The function answered below 500; where it was enqueued, below 400.",
    FAILED: "The function answered 500 or above, or could not be run. One that was enqueued is tried again, or DEAD.",
    TIMED_OUT: "It ran longer than its limit.",
    CANCELLED: "The caller left, or it was called off.",
    DEAD: "Every attempt failed; it is kept until it is run again or expires.",
  },
);

export const LogStreamEnum = declareEnum<LogStream>("LogStream", "Where a log line was written.", {
  STDOUT: "The function's standard output.",
  STDERR: "The function's standard error.",
  SYSTEM: "Fermi itself, about the instance.",
});

export const ChangeTypeEnum = declareEnum<ChangeType>("ChangeType", "What happened to a resource.", {
  CREATED: "It is new.",
  UPDATED: "It was changed.",
  DELETED: "It is gone.",
});
