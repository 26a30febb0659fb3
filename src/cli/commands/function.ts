import type { Command } from "commander";
import { refused, usageError, type Advice } from "../cli-error.js";
import { action, nameOf, printDone, printList, printOne, printUpdated, type Context } from "../context.js";
import { functionFlags } from "../flags.js";
import {
  createFunction,
  deleteFunction,
  getFunction,
  getSource,
  listFunctions,
  updateFunction,
  type FunctionNode,
} from "../operations/function.operations.js";
import { listTriggers } from "../operations/trigger.operations.js";
import {
  isEmpty,
  listOptions,
  named,
  readSource,
  refuseContradictions,
  variables,
  wholeNumber,
  type Pair,
} from "../options.js";
import { collect } from "../paging.js";
import { formatAge, formatValue, type Column } from "../print.js";
import type { Shell } from "../shell.js";
import { triggerWords } from "../trigger-operations.js";

interface FunctionOptions {
  readonly name?: string;
  readonly env?: string;
  readonly code?: string;
  /** False for `--no-entrypoint`, and likewise below. */
  readonly entrypoint?: string | false;
  readonly var?: Pair[] | false;
  readonly timeout?: number;
  readonly concurrency?: number;
  readonly minscale?: number;
  readonly maxscale?: number;
  readonly idletimeout?: number;
  readonly revision?: number;
}

interface ListOptions {
  readonly allNamespaces?: boolean;
  readonly limit?: number;
  readonly env?: string;
  readonly search?: string;
}

const columns = (now: Date): Column<FunctionNode>[] => [
  ["NAMESPACE", (row) => row.namespace],
  ["NAME", (row) => row.name],
  ["ENVIRONMENT", (row) => row.environment.name],
  ["VERSION", (row) => row.currentVersion.number],
  ["CONCURRENCY", (row) => row.settings.requestsPerInstance],
  ["SCALE", (row) => `${row.settings.minInstances}-${row.settings.maxInstances}`],
  ["TIMEOUT", (row) => `${row.settings.timeoutSeconds}s`],
  ["AGE", (row) => formatAge(row.createdAt, now)],
];

export const noFunction = (name: string, namespace: string): string =>
  `no function ${name} in namespace ${namespace}; \`fermi function list -n ${namespace}\` shows those there are`;

/** What create and update have in common; what was not given is left out. */
async function readInput({ options, shell }: Context<FunctionOptions>): Promise<object> {
  const settings = {
    timeoutSeconds: options.timeout,
    requestsPerInstance: options.concurrency,
    minInstances: options.minscale,
    maxInstances: options.maxscale,
    idleTimeoutSeconds: options.idletimeout,
  };
  return {
    environment: options.env,
    source: options.code === undefined ? undefined : await readSource(options.code, shell),
    entrypoint: options.entrypoint === false ? null : options.entrypoint,
    variables: options.var === false ? [] : options.var,
    settings: isEmpty(settings) ? undefined : settings,
  };
}

const missingEnvironment = (env: string): string =>
  `create it with \`fermi env create --name ${env} --image fermi/nodejs\``;

async function create(context: Context<FunctionOptions>): Promise<void> {
  const { api, namespace, options } = context;
  const name = nameOf(context);
  if (options.env === undefined) throw usageError("--env is missing; `fermi env list` shows those there are");
  if (options.code === undefined) throw usageError("--code is missing: the file to send, or - for stdin");
  const input = { namespace, name, ...(await readInput(context)) };
  const advice: Advice = {
    NOT_FOUND: missingEnvironment(options.env),
    ALREADY_EXISTS: `change it with \`fermi function update ${name} --code ${options.code}\``,
  };
  const { createFunction: made } = await api.request(createFunction, { input }, { advice });
  printDone(context, made, `function ${name} created, version ${made.currentVersion.number}`);
}

async function update(context: Context<FunctionOptions>): Promise<void> {
  const { api, namespace, options } = context;
  const name = nameOf(context);
  const change = await readInput(context);
  if (isEmpty(change)) throw usageError("nothing to change; `fermi function update --help` lists what can be");
  const { function: before } = await api.request(getFunction, { name, namespace });
  if (before === null) throw refused(noFunction(name, namespace));
  const input = { namespace, name, expectedRevision: options.revision, ...change };
  const next = `\`fermi function list\`${options.env === undefined ? "" : " and `fermi env list`"} shows what there is`;
  const { updateFunction: made } = await api.request(updateFunction, { input }, { advice: { NOT_FOUND: next } });
  const words = { what: `function ${name}`, now: `, version ${made.currentVersion.number}` };
  printUpdated(context, { before, after: made }, words);
}

async function remove(context: Context<{ name?: string; withTriggers?: boolean }>): Promise<void> {
  const { api, namespace, options } = context;
  const name = nameOf(context);
  const advice = {
    NOT_FOUND: "`fermi function list` shows those there are",
    IN_USE: "--with-triggers deletes its routes, timers, watches and queues along with it",
  };
  const deleteTriggers = options.withTriggers === true;
  const along = deleteTriggers ? await triggersOf(context, name) : "";
  const given = { name, namespace, deleteTriggers };
  const { deleteFunction: gone } = await api.request(deleteFunction, given, { advice });
  printDone(context, gone, `function ${name} deleted${along}`);
}

/** What goes along with it, counted before it is gone: `, and its 1 route, 2 timers`. */
async function triggersOf({ api, namespace }: Context<unknown>, name: string): Promise<string> {
  const advice = { NOT_FOUND: "`fermi function list` shows those there are" };
  const triggers = await collect(Infinity, async (first, after) => {
    const variables = { namespace, function: name, first, after };
    return (await api.request(listTriggers, variables, { advice })).triggers;
  });
  const counts = Object.entries(triggerWords).flatMap(([type, { one, many }]) => {
    const count = triggers.filter(({ __typename }) => __typename === type).length;
    return count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
  });
  return counts.length === 0 ? "" : `, and its ${counts.join(", ")}`;
}

async function get(context: Context<{ name?: string; code?: boolean }>): Promise<void> {
  const { api, namespace, options, now, shell, format } = context;
  const name = nameOf(context);
  if (options.code === true) {
    const { function: found } = await api.request(getSource, { name, namespace });
    if (found === null) throw refused(noFunction(name, namespace));
    const { source } = found.currentVersion;
    shell.write(format === "table" ? (source ?? "") : formatValue({ source }, format));
    return;
  }
  const { function: found } = await api.request(getFunction, { name, namespace });
  if (found === null) throw refused(noFunction(name, namespace));
  printOne(context, found, columns(now));
}

async function list(context: Context<ListOptions>): Promise<void> {
  const { api, options, now } = context;
  const namespace = options.allNamespaces === true ? null : context.namespace;
  const filter = { namespace, environment: options.env ?? null, search: options.search ?? null };
  const advice = { NOT_FOUND: "`fermi env list -A` shows those there are" };
  const rows = await collect(options.limit ?? Infinity, async (first, after) => {
    const { functions } = await api.request(listFunctions, { ...filter, first, after }, { advice });
    return functions;
  });
  printList(context, rows, columns(now), `functions${namespace === null ? "" : ` in namespace ${namespace}`}`);
}

function settingOptions(command: Command): Command {
  return named(command)
    .option("--env <environment>", "the environment that it runs in")
    .option("--code <file>", "the source, one file; - reads it from stdin")
    .option("--entrypoint <export>", "which export to call; the file's default where not given")
    .option("--var <NAME=VALUE>", "an environment variable; repeat it for more", variables)
    .option("--timeout <seconds>", "how long a call may take", wholeNumber)
    .option("--concurrency <n>", "requests that one instance serves at a time", wholeNumber)
    .option("--minscale <n>", "instances kept specialized while idle", wholeNumber)
    .option("--maxscale <n>", "instances at most; beyond, requests wait", wholeNumber)
    .option("--idletimeout <seconds>", "after which an unused instance is ended", wholeNumber);
}

/** Everything that describes a function; running it is in function-run.ts. */
export function addFunctionCommands(group: Command, shell: Shell): void {
  settingOptions(group.command("create"))
    .description("create a function from one source file")
    .action(action(shell, create, functionFlags));
  const changes = settingOptions(group.command("update"))
    .description("change a function; new code, environment, entrypoint or variables make its next version")
    .option("--no-entrypoint", "call the file's default export again")
    .option("--no-var", "without any variable; --var replaces all there are")
    .option("--revision <n>", "only if it has this revision", wholeNumber);
  refuseContradictions(changes).action(action(shell, update, functionFlags));
  listOptions(group.command("list"))
    .description("list functions")
    .option("--env <environment>", "those of one environment")
    .option("--search <text>", "those whose name contains it")
    .action(action(shell, list, functionFlags));
  named(group.command("get"))
    .description("show one function")
    .option("--code", "print the source of its current version instead")
    .action(action(shell, get, functionFlags));
  named(group.command("delete"))
    .description("delete a function")
    .option("--with-triggers", "and all that calls it: its routes, timers, watches and queues")
    .action(action(shell, remove, functionFlags));
}
