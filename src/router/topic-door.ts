/**
 * `POST /-/topics/<topic>`: where functions publish to topics of their namespace. The content is the message's body, with
 * the content's own headers; the key comes as the header X-Fermi-Message-Key or as `?key=`. Answers 201 with the
 * message's id once it is stored.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { FunctionTokens, TokenHolder } from "../auth/function-token.js";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { topicLimits, type NewTopicMessage, type Publication } from "../model/topic-message.js";
import type { KeptBodies } from "./kept-bodies.js";
import { malformed, type RequestHead } from "./request-head.js";
import { stopUpload } from "./stop-upload.js";
import { toAppError, writeError } from "./write-error.js";

/** Where messages go. Rejects where one is not what it should be, or can't be stored. */
export interface TopicPublisher {
  publish(message: NewTopicMessage): Promise<Publication>;
}

export interface TopicDoorOptions {
  readonly tokens: Pick<FunctionTokens, "verify">;
  readonly topics: TopicPublisher;
  readonly bodies: KeptBodies;
  readonly clock: Clock;
  readonly mustClose: () => boolean;
}

export interface PublishRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly head: RequestHead;
  readonly invocationId: string;
}

const prefix = "/-/topics/";
/** Of the request's headers these say something of the content, or are the publisher's own. */
const kept = /^(content-(type|encoding|language)|traceparent|tracestate|x-.*)$/;

export const isTopicPath = (path: string): boolean => path.startsWith(prefix);

export class TopicDoor {
  constructor(private readonly options: TopicDoorOptions) {}

  /** Answers in any case. Never rejects. */
  async serve(request: PublishRequest): Promise<void> {
    const { req, res, invocationId } = request;
    const close = (): string[] => (this.options.mustClose() ? ["Connection", "close"] : []);
    try {
      const body = JSON.stringify(await this.#publish(request));
      const headers = ["Content-Type", "application/json", "Content-Length", String(Buffer.byteLength(body))];
      if (!res.headersSent) res.writeHead(201, [...headers, ...close()]).end(body);
    } catch (error) {
      if (res.headersSent || res.destroyed) return;
      const headers = error instanceof WrongMethod ? ["Allow", "POST"] : [];
      writeError(res, toAppError(error), invocationId, [...headers, ...(req.complete ? close() : lastOfItsConnection)]);
      if (!req.complete) stopUpload(req, res, this.options.clock);
    }
  }

  async #publish(request: PublishRequest): Promise<Publication> {
    const { req, head } = request;
    if (head.method !== "POST") throw new WrongMethod();
    const holder = this.options.tokens.verify(req.headers.authorization);
    const destination = readDestination(req, head);
    refuseOther(holder, destination.namespace);
    const { topic, key } = destination;
    const message = { namespace: holder.namespace, topic, key, headers: contentHeaders(head.endToEnd) };
    return this.options.bodies.use(request, topicLimits.bodyBytes, (body) =>
      this.options.topics.publish({ ...message, body }),
    );
  }
}

class WrongMethod extends AppError {
  constructor() {
    super("METHOD_NOT_ALLOWED", "This path takes POST.");
  }
}

const lastOfItsConnection = ["Connection", "close"];

interface Destination {
  readonly topic: string;
  readonly key: string | null;
  readonly namespace: string | null;
}

function readDestination(req: IncomingMessage, head: RequestHead): Destination {
  const query = new URLSearchParams(head.target.slice(head.path.length));
  return {
    topic: decoded(head.path.slice(prefix.length), "topic"),
    key: query.get("key") ?? keyOf(req.headers["x-fermi-message-key"]),
    namespace: query.get("namespace"),
  };
}

/** Percent-encoded, as it comes to functions, because not every text can stand in a header. */
const keyOf = (header: string | string[] | undefined): string | null =>
  header === undefined ? null : decoded(String(header), "key");

function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed(`The ${what} is not percent-encoded as it should be.`);
  }
}

function refuseOther(holder: TokenHolder, namespace: string | null): void {
  if (namespace === null || namespace === holder.namespace) return;
  throw new AppError("FORBIDDEN", "The token of a function is good for topics of its own namespace only.");
}

function contentHeaders(endToEnd: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i + 1 < endToEnd.length; i += 2) {
    const name = (endToEnd[i] as string).toLowerCase();
    if (kept.test(name)) headers[name] = endToEnd[i + 1] as string;
  }
  return headers;
}
