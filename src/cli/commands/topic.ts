import type { Command } from "commander";
import { usageError } from "../cli-error.js";
import { action, printDone, type Context } from "../context.js";
import { publish } from "../operations/topic.operations.js";
import { readTextArgument } from "../options.js";
import type { Shell } from "../shell.js";

interface PublishOptions {
  readonly key?: string;
  readonly contentType?: string;
}

const flags = { namespace: "--namespace", key: "--key", contentType: "--content-type" };

async function publishTo(context: Context<PublishOptions>): Promise<void> {
  const { api, args, options, namespace, shell } = context;
  const [topic, given] = args;
  if (topic === undefined) throw usageError("a topic is missing; pass it as an argument");
  const body = await readTextArgument(given ?? "-", shell);
  const { key, contentType } = options;
  const advice = { QUEUE_FULL: "`fermi queue list -A` shows what is to handle them" };
  const message = { topic, namespace, body, key, contentType };
  const { publish: published } = await api.request(publish, message, { advice });
  const { id, deliveries, unreached } = published;
  const queues = `${deliveries === 0 ? "no" : deliveries} ${deliveries === 1 ? "queue" : "queues"}`;
  printDone(context, published, `message ${id} is published to ${topic}, for ${queues}`);
  if (unreached.length > 0) shell.tell(`${dontGetIt(unreached)}, to the subject ${topic}`);
}

/** They look as if they had to get it, but listen elsewhere. */
function dontGetIt(names: readonly string[]): string {
  const what = names.length === 1 ? `queue ${names[0]} does` : `queues ${names.join(", ")} do`;
  return `${what} not get it: messages of broker NATS are published by NATS' own clients`;
}

export function addTopicCommands(program: Command, shell: Shell): void {
  const group = program.command("topic").description("topics: messages for queue triggers");
  group
    .command("publish")
    .description("publish a message; it is stored when this returns")
    .argument("<topic>", "the topic's name")
    .argument("[body]", "the message; @file or - (stdin, also where it is left out) reads it")
    .option("--key <key>", "messages of one key are handled in order")
    .option("--content-type <type>", "application/json for JSON and text/plain else, where not given")
    .action(action(shell, publishTo, flags));
}
