import { Args, ID, Mutation, Resolver } from "type-graphql";
import { contentTypeOf, type NewTopicMessage, type Publication } from "../model/topic-message.js";
import { PublicationType } from "../schema/publication.type.js";
import { PublishMessageArgs } from "../schema/publish-message.args.js";
import type { TopicOperations } from "./operations.js";

@Resolver()
export class TopicResolver {
  constructor(private readonly topics: TopicOperations) {}

  @Mutation(() => PublicationType, {
    description:
      "Publishes a message to a topic of the store. Answers once it is stored for each of the topic's queue triggers whose broker is POSTGRES, and tells whom it does not reach.",
  })
  publish(@Args(() => PublishMessageArgs) args: PublishMessageArgs): Promise<Publication> {
    return this.topics.publish(toMessage(args));
  }

  @Mutation(() => ID, {
    description:
      "The same as `publish`, and answers with the message's id alone. Triggers of NATS get nothing of it, which only `publish` tells.",
  })
  async publishMessage(@Args(() => PublishMessageArgs) args: PublishMessageArgs): Promise<string> {
    return (await this.topics.publish(toMessage(args))).id;
  }
}

function toMessage({ topic, body: text, key, namespace, contentType }: PublishMessageArgs): NewTopicMessage {
  const body = Buffer.from(text);
  return { namespace, topic, key: key ?? null, headers: { "content-type": contentType ?? contentTypeOf(body) }, body };
}
