import type { Command } from "commander";
import { usageError } from "../cli-error.js";
import { action, printDone, type Context } from "../context.js";
import { listQueues } from "../operations/queue.operations.js";
import { publishMessage } from "../operations/topic.operations.js";
import { readTextArgument } from "../options.js";
import { collect } from "../paging.js";
import type { Shell } from "../shell.js";

interface PublishOptions {
  readonly key?: string;
  readonly contentType?: string;
}

const flags = { namespace: "--namespace", key: "--key", contentType: "--content-type" };

async function publish(context: Context<PublishOptions>): Promise<void> {
  const { api, args, options, namespace, shell } = context;
  const [topic, given] = args;
  if (topic === undefined) throw usageError("a topic is missing; pass it as an argument");
  const body = await readTextArgument(given ?? "-", shell);
  const { key, contentType } = options;
  const { publishMessage: id } = await api.request(publishMessage, { topic, namespace, body, key, contentType });
  printDone(context, { id }, `message ${id} is published to ${topic}`);
  await warnOfOthers(context, topic);
}

/** Triggers that look as if they had to get it, but listen elsewhere. What is published is, whether they can be read or not. */
async function warnOfOthers({ api, namespace, shell }: Context<PublishOptions>, topic: string): Promise<void> {
  const all = await collect(Infinity, async (first, after) => {
    return (await api.request(listQueues, { namespace, function: null, first, after })).triggers;
  }).catch(() => []);
  const names = all.filter((queue) => queue.topic === topic && queue.broker === "NATS").map(({ name }) => name);
  if (names.length === 0) return;
  const what = names.length === 1 ? `queue ${names[0]} does` : `queues ${names.join(", ")} do`;
  shell.tell(`${what} not get it: messages of broker NATS are published by NATS' own clients, to the subject ${topic}`);
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
    .action(action(shell, publish, flags));
}
