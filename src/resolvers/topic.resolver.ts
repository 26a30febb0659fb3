import { Args, ID, Mutation, Resolver } from "type-graphql";
import { contentTypeOf, type NewTopicMessage } from "../model/topic-message.js";
import { PublishMessageArgs } from "../schema/publish-message.args.js";
import type { TopicOperations } from "./operations.js";

@Resolver()
export class TopicResolver {
  constructor(private readonly topics: TopicOperations) {}

  @Mutation(() => ID, {
    description:
      "Publishes a message to a topic of the store, for each of its queue triggers whose broker is POSTGRES. Answers with its id once it is stored. Triggers of NATS get nothing of it: theirs are subjects of NATS, to which its own clients publish.",
  })
  publishMessage(@Args(() => PublishMessageArgs) args: PublishMessageArgs): Promise<string> {
    return this.topics.publish(toMessage(args));
  }
}

function toMessage({ topic, body: text, key, namespace, contentType }: PublishMessageArgs): NewTopicMessage {
  const body = Buffer.from(text);
  return { namespace, topic, key: key ?? null, headers: { "content-type": contentType ?? contentTypeOf(body) }, body };
}
