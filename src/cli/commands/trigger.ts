/** The verbs that every kind of trigger has, written once: a kind says what is its own. */
import type { Command } from "commander";
import { usageError } from "../cli-error.js";
import { action, nameOf, printDone, printList, printOne, printUpdated, type Context } from "../context.js";
import { findTrigger } from "../find-trigger.js";
import type { Flags } from "../flags.js";
import type { Operation } from "../graphql-client.js";
import { isEmpty, listOptions, named, refuseContradictions, wholeNumber } from "../options.js";
import { collect } from "../paging.js";
import { formatAge, type Column } from "../print.js";
import type { Shell } from "../shell.js";
import type { GetTrigger, ListTriggers, TriggerNode } from "../trigger-operations.js";

export interface SettingOptions {
  readonly name?: string;
  readonly function?: string;
  readonly revision?: number;
}

type Making<Node, Variables> = Operation<{ readonly made: Node }, Variables>;

/** What is a kind's own. */
export interface TriggerCommands<Node extends TriggerNode, Options extends SettingOptions> {
  /** As it is typed: `timer`. */
  readonly word: string;
  readonly plural: string;
  readonly aliases: readonly string[];
  readonly description: string;
  readonly operations: {
    readonly create: Making<Node, { input: object }>;
    readonly update: Making<Node, { input: object }>;
    readonly enable: Making<Node, { id: string; enabled: boolean }>;
    readonly remove: Making<Node, { id: string }>;
    readonly get: GetTrigger<Node>;
    readonly list: ListTriggers<Node>;
  };
  readonly flags: Flags;
  /** Between those for name and function, and those for how it does. */
  readonly columns: readonly Column<Node>[];
  /** What only `get` has room for. */
  readonly details?: readonly Column<Node>[];
  /** Fields of the input that `create` can't do without. */
  readonly needed: readonly string[];
  /** What of the options goes into an input, by field. */
  readonly readInput: (options: Options) => Record<string, unknown>;
  /** For `create` and `update`. */
  readonly addSettings: (command: Command) => Command;
  /** For `create` alone. */
  readonly addNewSettings?: (command: Command) => Command;
  /** For `update` alone. */
  readonly addChanges?: (command: Command) => Command;
  /** What it does, for the sentence after its name. */
  readonly tell: (node: Node) => string;
}

interface ListOptions {
  readonly allNamespaces?: boolean;
  readonly limit?: number;
  readonly function?: string;
}

const missingFunction = { NOT_FOUND: "`fermi function list` shows those there are" };

class Verbs<Node extends TriggerNode, Options extends SettingOptions> {
  constructor(private readonly kind: TriggerCommands<Node, Options>) {}

  readonly create = async (context: Context<Options>): Promise<void> => {
    const { word, needed, flags, operations, tell } = this.kind;
    const { api, namespace, options } = context;
    const own = this.kind.readInput(options);
    const input: Record<string, unknown> = { namespace, name: nameOf(context), function: options.function, ...own };
    const missing = ["function", ...needed].find((field) => input[field] === undefined);
    if (missing !== undefined) throw usageError(`${flags[missing] ?? missing} is missing`);
    const advice = { ...missingFunction, ALREADY_EXISTS: `\`fermi ${word} list -A\` shows who has it` };
    const { made } = await api.request(operations.create, { input }, { advice });
    printDone(context, made, `${word} ${made.name} created: ${tell(made)}`);
  };

  readonly update = async (context: Context<Options>): Promise<void> => {
    const { word, operations, tell } = this.kind;
    const { api, options } = context;
    const change = { function: options.function, ...this.kind.readInput(options) };
    if (isEmpty(change)) throw usageError(`nothing to change; \`fermi ${word} update --help\` lists what can be`);
    const before = await findTrigger(context, this.kind);
    const input = { id: before.id, expectedRevision: options.revision, ...change };
    const { made } = await api.request(operations.update, { input }, { advice: missingFunction });
    printUpdated(context, { before, after: made }, { what: `${word} ${before.name}`, now: `: ${tell(made)}` });
  };

  readonly setEnabled =
    (enabled: boolean) =>
    async (context: Context<Options>): Promise<void> => {
      const { word, operations } = this.kind;
      const { id, name } = await findTrigger(context, this.kind);
      const { made } = await context.api.request(operations.enable, { id, enabled });
      printDone(context, made, `${word} ${name} ${enabled ? "enabled" : "disabled"}`);
    };

  readonly remove = async (context: Context<Options>): Promise<void> => {
    const { word, operations } = this.kind;
    const { id, name } = await findTrigger(context, this.kind);
    const { made } = await context.api.request(operations.remove, { id });
    printDone(context, made, `${word} ${name} deleted`);
  };

  readonly get = async (context: Context<Options>): Promise<void> => {
    const found = await findTrigger(context, this.kind);
    printOne(context, found, this.#columns(context.now, this.kind.details));
    if (context.format === "table" && found.status.reason !== null) context.shell.tell(found.status.reason);
  };

  readonly list = async (context: Context<ListOptions>): Promise<void> => {
    const { api, options, now } = context;
    const { plural, operations } = this.kind;
    const namespace = options.allNamespaces === true ? null : context.namespace;
    const rows = await collect(options.limit ?? Infinity, async (first, after) => {
      const variables = { namespace, function: options.function ?? null, first, after };
      return (await api.request(operations.list, variables, { advice: missingFunction })).triggers;
    });
    printList(context, rows, this.#columns(now), `${plural}${namespace === null ? "" : ` in namespace ${namespace}`}`);
  };

  #columns(now: Date, details: readonly Column<Node>[] = []): Column<Node>[] {
    return [
      ["NAMESPACE", (row) => row.namespace],
      ["NAME", (row) => row.name],
      ["FUNCTION", (row) => row.function.name],
      ...this.kind.columns,
      ...details,
      ["STATUS", (row) => row.status.condition],
      ["AGE", (row) => formatAge(row.createdAt, now)],
    ];
  }
}

/** The group of commands, for those that only one kind has. */
export function addTriggerCommands<Node extends TriggerNode, Options extends SettingOptions>(
  program: Command,
  shell: Shell,
  kind: TriggerCommands<Node, Options>,
): Command {
  const { word, plural, flags } = kind;
  const verbs = new Verbs(kind);
  const same = (command: Command): Command => command;
  const group = program
    .command(word)
    .aliases([...kind.aliases])
    .description(kind.description);
  const withSettings = (command: Command): Command =>
    kind.addSettings(named(command).option("--function <name>", "the function it calls"));
  (kind.addNewSettings ?? same)(withSettings(group.command("create")))
    .description(`make a ${word}`)
    .action(action(shell, verbs.create, flags));
  listOptions(group.command("list"))
    .description(`list ${plural}`)
    .option("--function <name>", "those that call it")
    .action(action(shell, verbs.list, flags));
  named(group.command("get"), "its name or id")
    .description(`show one ${word}, and how it does`)
    .action(action(shell, verbs.get, flags));
  refuseContradictions((kind.addChanges ?? same)(withSettings(group.command("update"))))
    .description(`change a ${word}; what is left out stays`)
    .option("--revision <n>", "only if it has this revision", wholeNumber)
    .action(action(shell, verbs.update, flags));
  named(group.command("enable"), "its name or id")
    .description("let it call its function again")
    .action(action(shell, verbs.setEnabled(true), flags));
  named(group.command("disable"), "its name or id")
    .description("let it call its function no more")
    .action(action(shell, verbs.setEnabled(false), flags));
  named(group.command("delete"), "its name or id")
    .description(`delete a ${word}`)
    .action(action(shell, verbs.remove, flags));
  return group;
}
