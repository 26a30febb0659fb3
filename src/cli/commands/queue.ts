import type { Command } from "commander";
import { queueFlags } from "../flags.js";
import {
  createQueue,
  deleteQueue,
  enableQueue,
  getQueue,
  listQueues,
  updateQueue,
  type QueueNode,
} from "../operations/queue.operations.js";
import { choice, wholeNumber } from "../options.js";
import type { Shell } from "../shell.js";
import { addTriggerCommands, type SettingOptions, type TriggerCommands } from "./trigger.js";

interface QueueOptions extends SettingOptions {
  readonly broker?: string;
  readonly topic?: string;
  /** False for `--no-response-topic`, and likewise below. */
  readonly responseTopic?: string | false;
  readonly errorTopic?: string | false;
  readonly maxAttempts?: number;
  readonly concurrency?: number;
}

const orNull = (value: string | false | undefined): string | null | undefined => (value === false ? null : value);

const queues: TriggerCommands<QueueNode, QueueOptions> = {
  word: "queue",
  plural: "queues",
  aliases: ["mqtrigger"],
  description: "queues: call a function with each message of a topic",
  operations: {
    create: createQueue,
    update: updateQueue,
    enable: enableQueue,
    remove: deleteQueue,
    get: getQueue,
    list: listQueues,
  },
  flags: queueFlags,
  columns: [
    ["BROKER", (row) => row.broker],
    ["TOPIC", (row) => row.topic],
    ["RESPONSES", (row) => row.responseTopic],
    ["ERRORS", (row) => row.errorTopic],
    ["ATTEMPTS", (row) => row.maxAttempts],
    ["CONCURRENCY", (row) => row.concurrency],
    ["BACKLOG", (row) => row.backlog],
  ],
  needed: ["topic"],
  readInput: ({ broker, topic, responseTopic, errorTopic, maxAttempts, concurrency }) => ({
    broker,
    topic,
    responseTopic: orNull(responseTopic),
    errorTopic: orNull(errorTopic),
    maxAttempts,
    concurrency,
  }),
  addSettings: (command) =>
    command
      .option("--topic <topic>", "the topic it reads")
      .option("--response-topic <topic>", "where the function's answers go")
      .option("--error-topic <topic>", "where messages go that have failed for good")
      .option("--max-attempts <n>", "how often a message is tried; 5 where never given", wholeNumber)
      .option("--concurrency <n>", "messages handled at a time; 1 where never given", wholeNumber),
  addNewSettings: (command) =>
    command.addOption(
      choice("--broker <broker>", "what keeps the topic; POSTGRES where not given", ["POSTGRES", "NATS"]),
    ),
  addChanges: (command) =>
    command
      .option("--no-response-topic", "answers go nowhere again")
      .option("--no-error-topic", "what has failed goes nowhere again"),
  tell: ({ topic, broker }) => `topic ${topic} (${broker})`,
};

export function addQueueCommands(program: Command, shell: Shell): void {
  addTriggerCommands(program, shell, queues);
}
