import { Args, ID, Mutation, Resolver } from "type-graphql";
import { PublishMessageArgs } from "../schema/publish-message.args.js";
import type { TopicOperations } from "./operations.js";

@Resolver()
export class TopicResolver {
  constructor(private readonly topics: TopicOperations) {}

  @Mutation(() => ID, {
    description:
      "Publishes a message to a topic, for each of its queue triggers. Answers with its id once it is stored.",
  })
  publishMessage(@Args(() => PublishMessageArgs) args: PublishMessageArgs): Promise<string> {
    return this.topics.publish(toMessage(args));
  }
}

const toMessage = ({ topic, body, key, namespace, contentType }: PublishMessageArgs): Published => ({
  namespace,
  topic,
  key: key ?? null,
  headers: { "content-type": contentType ?? (isJson(body) ? "application/json" : "text/plain; charset=utf-8") },
  body: Buffer.from(body),
});

type Published = Parameters<TopicOperations["publish"]>[0];

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
