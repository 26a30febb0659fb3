import type { Command } from "commander";
import { watchFlags } from "../flags.js";
import {
  createWatch,
  deleteWatch,
  enableWatch,
  getWatch,
  listWatches,
  updateWatch,
  type WatchNode,
} from "../operations/watch.operations.js";
import type { Shell } from "../shell.js";
import { addTriggerCommands, type SettingOptions, type TriggerCommands } from "./trigger.js";

interface WatchOptions extends SettingOptions {
  readonly apiVersion?: string;
  readonly kind?: string;
  /** False for `--no-watch-namespace`, and likewise below. */
  readonly watchNamespace?: string | false;
  readonly labels?: string | false;
  readonly fields?: string | false;
}

const orNull = (value: string | false | undefined): string | null | undefined => (value === false ? null : value);

const watches: TriggerCommands<WatchNode, WatchOptions> = {
  word: "watch",
  plural: "watches",
  aliases: ["kuberneteswatchtrigger"],
  description: "watches: call a function with what becomes of Kubernetes objects",
  operations: {
    create: createWatch,
    update: updateWatch,
    enable: enableWatch,
    remove: deleteWatch,
    get: getWatch,
    list: listWatches,
  },
  flags: watchFlags,
  columns: [
    ["KIND", (row) => row.kind],
    ["API", (row) => row.apiVersion],
    ["IN", (row) => row.watchNamespace ?? "*"],
    ["LABELS", (row) => row.labelSelector],
    ["FIELDS", (row) => row.fieldSelector],
  ],
  needed: ["kind"],
  readInput: ({ apiVersion, kind, watchNamespace, labels, fields }) => ({
    apiVersion,
    kind,
    watchNamespace: orNull(watchNamespace),
    labelSelector: orNull(labels),
    fieldSelector: orNull(fields),
  }),
  addSettings: (command) =>
    command
      .option("--watch-namespace <name>", "the namespace the objects are in; all where never given")
      .option("--labels <selector>", "only objects with these labels, such as app=shop,!draft")
      .option("--fields <selector>", "only objects with these fields, such as metadata.name=shop"),
  addNewSettings: (command) =>
    command
      .option("--kind <kind>", "the kind of the objects, such as Pod")
      .option("--api-version <version>", "of the objects, such as apps/v1; v1 where not given"),
  addChanges: (command) =>
    command
      .option("--no-watch-namespace", "of all namespaces again")
      .option("--no-labels", "with any labels again")
      .option("--no-fields", "with any fields again"),
  tell: ({ kind, apiVersion, watchNamespace }) =>
    `every ${kind} (${apiVersion}) in ${watchNamespace === null ? "all namespaces" : `namespace ${watchNamespace}`}`,
};

export function addWatchCommands(program: Command, shell: Shell): void {
  addTriggerCommands(program, shell, watches);
}
