/** A message as its function gets it, and what is published of it afterwards. Pure. */
import type { InvokeRequest } from "../../invocations/invoke-request.js";
import type { KeptResult } from "../../model/async-work.js";
import { contentTypeOf } from "../../model/topic-message.js";
import type { QueueTrigger } from "../../model/trigger.js";
import { headerName, headerValue } from "../../model/validate-request.js";
import type { FollowUp, QueueMessage } from "./queue-broker.js";

type Header = readonly [name: string, value: string];

/** What only Fermi says of a message, so that nobody else's word is taken for it; those of response and error topics bring some along. */
const isOwn = (name: string): boolean => /^x-(fermi|fission)-/.test(name);
const isBroughtAlong = (name: string): boolean => /^x-fermi-(answer-to|error-[a-z-]+)$/.test(name);

export function toRequest(trigger: QueueTrigger, message: QueueMessage, attempt: number): InvokeRequest {
  const typed = { "content-type": contentTypeOf(message.body), ...message.headers };
  const sendable = Object.entries(typed).filter(([name, value]) => headerName.holds(name) && headerValue.holds(value));
  return {
    functionId: trigger.functionId,
    version: null,
    method: "POST",
    path: "/",
    headers: sendable.filter(([name]) => !isOwn(name)),
    ownHeaders: [...sendable.filter(([name]) => isBroughtAlong(name)), ...describe(trigger, message, attempt)],
    body: message.body,
    source: "QUEUE",
    triggerId: trigger.id,
  };
}

function describe(trigger: QueueTrigger, { id, topic, key }: QueueMessage, attempt: number): Header[] {
  const { name, responseTopic, errorTopic } = trigger;
  return [
    ["X-Fermi-Trigger", name],
    ["X-Fermi-Topic", topic],
    ["X-Fermi-Message-Id", id],
    ...(key === null ? [] : [["X-Fermi-Message-Key", encodeURIComponent(key)] as const]),
    ["X-Fermi-Attempt", String(attempt)],
    // As Fission's message queue triggers have it.
    ["X-Fission-MQTrigger-Topic", topic],
    ["X-Fission-MQTrigger-RespTopic", responseTopic ?? ""],
    ["X-Fission-MQTrigger-ErrorTopic", errorTopic ?? ""],
  ];
}

/** What the function answered, under the key of what it answered to. */
export function toAnswer(topic: string, { id, key }: QueueMessage, result: KeptResult): FollowUp {
  const contentType = result.headers["content-type"];
  return {
    topic,
    key,
    headers: {
      ...(contentType !== undefined && { "content-type": String(contentType) }),
      "x-fermi-answer-to": id,
    },
    body: result.body,
  };
}

export interface Failure {
  readonly reason: string;
  readonly attempts: number;
}

const reasonCharacters = 1_000;

/** The whole message, and beside it what became of it. */
export function toFailed(
  errorTopic: string,
  { name }: QueueTrigger,
  { id, topic, key, headers, body }: QueueMessage,
  { reason, attempts }: Failure,
): FollowUp {
  const told = {
    "x-fermi-error-reason": printable(reason).slice(0, reasonCharacters),
    "x-fermi-error-attempts": String(attempts),
    "x-fermi-error-topic": topic,
    "x-fermi-error-message-id": id,
    "x-fermi-error-trigger": name,
  };
  return { topic: errorTopic, key, headers: { ...headers, ...told }, body };
}

/** One line of what may stand in a header as it is. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e\xa0-\xff]+/g, " ").trim();
