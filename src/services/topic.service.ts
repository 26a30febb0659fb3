import { AppError } from "../errors/app-error.js";
import { newId } from "../lib/new-id.js";
import { messageFault, topicLimits, type NewTopicMessage, type Publication } from "../model/topic-message.js";
import { refuse } from "./refusals.js";

/** Where messages of topics are kept; src/store fulfils it. */
export interface TopicWrites {
  /** Resolves when the message is stored, for each trigger that is there. Rejects with QUEUE_FULL where there is no room. */
  publish(message: NewTopicMessage & { readonly id: string }): Promise<Publication>;
}

/** The rules for what is published to topics. Whoever has a message's id knows that it is stored. */
export class TopicService {
  constructor(private readonly topics: TopicWrites) {}

  async publish(message: NewTopicMessage): Promise<Publication> {
    refuse(messageFault(message));
    if (message.body.length > topicLimits.bodyBytes) {
      throw new AppError("BODY_TOO_LARGE", `A message's body may have ${topicLimits.bodyBytes} bytes at most.`, {
        field: "body",
      });
    }
    return this.topics.publish({ ...message, id: newId() });
  }
}
