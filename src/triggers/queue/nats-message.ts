/** Between messages of NATS and those of the port. Pure. */
import { hash } from "node:crypto";
import type { JsMsg } from "@nats-io/jetstream";
import { headers as natsHeaders, type MsgHdrs } from "@nats-io/transport-node";
import type { QueueTrigger } from "../../model/trigger.js";
import type { FollowUp, QueueMessage } from "./queue-broker.js";

const keyHeader = "x-fermi-message-key";
/** Of the server's and its clients' own making. */
const isNatsOwn = (name: string): boolean => name.startsWith("nats-");

/** Where it is in its stream is its name: unique, and the same each time it is brought. */
export function toMessage({
  info,
  headers,
  data,
  seq,
  subject,
}: Pick<JsMsg, "info" | "headers" | "data" | "seq" | "subject">): QueueMessage {
  const named = new Map((headers?.keys() ?? []).map((name) => [name.toLowerCase(), headers?.get(name) ?? ""]));
  return {
    id: `${info.stream}.${seq}`,
    topic: subject,
    key: decoded(named.get(keyHeader)),
    headers: Object.fromEntries([...named].filter(([name]) => name !== keyHeader && !isNatsOwn(name))),
    body: Buffer.from(data),
  };
}

export function toHeaders({ key, headers }: Pick<FollowUp, "key" | "headers">): MsgHdrs {
  const made = natsHeaders();
  for (const [name, value] of Object.entries(headers)) made.set(name, value);
  if (key !== null) made.set(keyHeader, encodeURIComponent(key));
  return made;
}

function decoded(text: string | undefined): string | null {
  if (text === undefined || text === "") return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const short = (text: string): string => hash("sha256", text, "hex").slice(0, 12);

/** A durable consumer is one trigger's for one topic: whoever changes the topic begins anew. */
export const consumerName = ({ id, topic }: Pick<QueueTrigger, "id" | "topic">): string =>
  `fermi-${id}-${short(topic)}`;

/** Of the stream that is made for a topic that none has. Dots can't be in it. */
export const streamName = (topic: string): string => `fermi-${topic.replaceAll(".", "_")}-${short(topic)}`;
