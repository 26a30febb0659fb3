import { isUtf8 } from "node:buffer";
import { demand, firstFault, isPlainText, rule, type Demand, type Fault } from "./fault.js";
import { labelFault } from "./validate-name.js";
import { headerName, headerValue } from "./validate-request.js";

/** What is published to a topic: the topics of a namespace are its own. */
export interface NewTopicMessage {
  readonly namespace: string;
  readonly topic: string;
  /** Messages of one key keep their order; those without have none. */
  readonly key: string | null;
  /** By names in lower case, such as content-type. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface TopicMessage extends NewTopicMessage {
  readonly id: string;
  readonly publishedAt: Date;
}

/** What became of a message that is stored. */
export interface Publication {
  /** The message's. */
  readonly id: string;
  /** How many triggers get it. */
  readonly deliveries: number;
  /** Triggers of the same namespace and topic that don't get it: their messages are kept elsewhere. At most 100 names. */
  readonly unreached: readonly string[];
}

export const topicLimits = {
  bodyBytes: 1024 * 1024,
  nameCharacters: 200,
  keyCharacters: 255,
  headers: 50,
  headerCharacters: 8_192,
} as const;

const { nameCharacters, keyCharacters } = topicLimits;

/** Such names are subjects of NATS too, and segments of a path. */
export const topicName: Demand<string> = {
  must: `must be 1 to ${nameCharacters} of the characters A-Z, a-z, 0-9, '-', '_' and '.', with no dot at an end or beside another`,
  holds: (name) => name.length <= nameCharacters && /^[\w-]+(\.[\w-]+)*$/.test(name),
};

const messageKey: Demand<string> = {
  must: `must be 1 to ${keyCharacters} characters of text without control characters`,
  holds: (key) =>
    key.length >= 1 && key.length <= keyCharacters && isPlainText(key) && !/[\p{Cc}\u2028\u2029]/u.test(key),
};

/** What a body is taken for whose publisher does not say: JSON where it is some, else text, else bytes. */
export function contentTypeOf(body: Buffer): string {
  if (!isUtf8(body)) return "application/octet-stream";
  try {
    JSON.parse(body.toString());
    return "application/json";
  } catch {
    return "text/plain; charset=utf-8";
  }
}

export const topicNameFault = (field: string, name: string): Fault | undefined => demand(field, name, topicName);

/** What is wrong with a message, but for its size, which is no matter of form. */
export const messageFault = ({ namespace, topic, key, headers }: NewTopicMessage): Fault | undefined =>
  firstFault(
    labelFault("namespace", namespace),
    topicNameFault("topic", topic),
    key === null ? undefined : demand("key", key, messageKey),
    headersFault(headers),
  );

function headersFault(headers: Readonly<Record<string, string>>): Fault | undefined {
  const all = Object.entries(headers);
  const characters = all.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return (
    rule(
      all.length <= topicLimits.headers && characters <= topicLimits.headerCharacters,
      "headers",
      `must be at most ${topicLimits.headers}, of ${topicLimits.headerCharacters} characters together`,
    ) ??
    rule(
      all.every(([name, value]) => headerName.holds(name) && headerValue.holds(value)),
      "headers",
      "must be headers as HTTP has them",
    )
  );
}
