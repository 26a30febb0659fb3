import type { Command } from "commander";
import { refused, usageError } from "../cli-error.js";
import { action, nameOf, printDone, printList, type Context } from "../context.js";
import { functionFlags, invokeFlags } from "../flags.js";
import { listVersions, rollbackFunction, type VersionNode } from "../operations/function.operations.js";
import { enqueueInvocation, invokeFunction, type InvocationAnswer } from "../operations/invocation.operations.js";
import { headers, named, positiveNumber, readTextArgument, wholeNumber, type Pair } from "../options.js";
import { collect } from "../paging.js";
import { formatAge, formatValue, type Column } from "../print.js";
import type { Shell } from "../shell.js";
import { noFunction } from "./function.js";

interface InvokeOptions {
  readonly name?: string;
  readonly method?: string;
  readonly path: string;
  readonly body?: string;
  readonly header?: Pair[];
  readonly functionVersion?: number;
  readonly async?: true;
  readonly key?: string;
  readonly delay?: number;
  readonly maxAttempts?: number;
  readonly onSuccess?: string;
  readonly onFailure?: string;
}

async function invoke(context: Context<InvokeOptions>): Promise<void> {
  const { api, namespace, options, shell, format } = context;
  const name = nameOf(context);
  const body = options.body === undefined ? undefined : await readTextArgument(options.body, shell);
  const input = {
    namespace,
    function: name,
    version: options.functionVersion,
    method: (options.method ?? (body === undefined ? "GET" : "POST")).toUpperCase(),
    path: options.path,
    headers: options.header,
    body,
  };
  if (options.async === true) return enqueue(context, input);
  refuseAsyncFlags(options);
  const look = `look at \`fermi function logs ${name}\``;
  const advice = {
    NOT_FOUND: `\`fermi function ${options.functionVersion === undefined ? "list" : `versions ${name}`}\` shows those there are`,
    LOAD_FAILED: look,
    FUNCTION_CRASHED: look,
    FUNCTION_TIMEOUT: `${look}, or raise its --timeout`,
    QUEUE_FULL: "try again, or raise its --concurrency or --maxscale",
  };
  // The function's own time limit, which the server keeps, is the bound here.
  const { invokeFunction: made } = await api.request(invokeFunction, { input }, { advice, isUnbounded: true });
  shell.write(format === "table" ? bodyOf(made) : formatValue(made, format));
  if (made.status === "SUCCEEDED") return;
  throw refused(`${describeFailure(made)}; look at \`fermi function logs ${name} --invocation ${made.id}\``);
}

const destination = (name: string | undefined): object | undefined =>
  name === undefined ? undefined : name.startsWith("topic:") ? { topic: name.slice(6) } : { function: name };

async function enqueue(context: Context<InvokeOptions>, request: object): Promise<void> {
  const { api, options } = context;
  const input = {
    ...request,
    idempotencyKey: options.key,
    delaySeconds: options.delay,
    maxAttempts: options.maxAttempts,
    onSuccess: destination(options.onSuccess),
    onFailure: destination(options.onFailure),
  };
  const advice = { NOT_FOUND: "`fermi function list` shows those there are" };
  const { enqueueInvocation: made } = await api.request(enqueueInvocation, { input }, { advice });
  printDone(context, made, `invocation ${made.id} is queued; \`fermi invocation watch ${made.id}\` follows it`);
}

/** Silently left out they would mean something else than was meant. */
function refuseAsyncFlags({ key, delay, maxAttempts, onSuccess, onFailure }: InvokeOptions): void {
  if ([key, delay, maxAttempts, onSuccess, onFailure].every((value) => value === undefined)) return;
  throw usageError("--key, --delay, --max-attempts, --on-success and --on-failure need --async");
}

const bodyOf = ({ result }: InvocationAnswer): string | Buffer =>
  result === null ? "" : result.base64 ? Buffer.from(result.body, "base64") : result.body;

function describeFailure({ function: { name }, error, httpStatus }: InvocationAnswer): string {
  const answered = httpStatus === null ? "it did not answer" : `it answered ${httpStatus}`;
  return `${name} failed: ${(error ?? answered).replace(/\.$/, "")}`;
}

const columns = (current: number, now: Date): Column<VersionNode>[] => [
  ["VERSION", (row) => row.number],
  ["CURRENT", (row) => (row.number === current ? "*" : null)],
  ["ENVIRONMENT", (row) => row.environment.name],
  ["ENTRYPOINT", (row) => row.entrypoint],
  ["BYTES", (row) => row.sizeBytes],
  ["DIGEST", (row) => row.digest.slice(0, 12)],
  ["AGE", (row) => formatAge(row.createdAt, now)],
];

async function versions(context: Context<{ name?: string; limit?: number }>): Promise<void> {
  const { api, namespace, options, now } = context;
  const name = nameOf(context);
  let current = 0;
  const rows = await collect(options.limit ?? Infinity, async (first, after) => {
    const { function: found } = await api.request(listVersions, { name, namespace, first, after });
    if (found === null) throw refused(noFunction(name, namespace));
    current = found.currentVersion.number;
    return found.versions;
  });
  printList(context, rows, columns(current, now), "versions");
}

async function rollback(context: Context<{ name?: string; to?: number }>): Promise<void> {
  const { api, namespace, options } = context;
  const name = nameOf(context);
  const current = await currentVersion(context, name);
  const toVersion = options.to ?? current - 1;
  if (toVersion < 1) throw usageError(`${name} is at its first version; there is none before`);
  const advice = { NOT_FOUND: `\`fermi function versions ${name}\` shows those there are` };
  const { rollbackFunction: made } = await api.request(rollbackFunction, { name, namespace, toVersion }, { advice });
  const { number } = made.currentVersion;
  const sentence = `function ${name} is at version ${number}`;
  printDone(context, made, number === current ? `nothing to change: ${sentence} already` : `${sentence} again`);
}

async function currentVersion({ api, namespace }: Context<unknown>, name: string): Promise<number> {
  const { function: found } = await api.request(listVersions, { name, namespace, first: 1, after: null });
  if (found === null) throw refused(noFunction(name, namespace));
  return found.currentVersion.number;
}

/** Everything that runs a function or chooses what of it runs. */
export function addFunctionRunCommands(group: Command, shell: Shell): void {
  named(group.command("invoke"))
    .alias("test")
    .description("run a function and print its body; ends with 1 where it failed")
    .option("--method <method>", "GET, or POST where there is a body")
    .option("--path <path>", "with its query string", "/")
    .option("--body <text>", "the request's body; @file or - (stdin) reads it")
    .option("--header <NAME:VALUE>", "a request header; repeat it for more", headers)
    .option("--function-version <n>", "another version than the current one", wholeNumber)
    .option("--async", "do not wait: store the request, and print the invocation's id")
    .option("--key <key>", "with --async: requests of one key, within a day, are one", String)
    .option("--delay <seconds>", "with --async: run it so much later", wholeNumber)
    .option("--max-attempts <n>", "with --async: try it so often at most", positiveNumber)
    .option("--on-success <function>", "with --async: who has word once it has succeeded; topic:NAME is a topic")
    .option("--on-failure <function>", "with --async: who has word once it is dead; topic:NAME is a topic")
    .action(action(shell, invoke, invokeFlags));
  named(group.command("versions"))
    .description("list the versions of a function, newest first")
    .option("--limit <n>", "at most so many", positiveNumber)
    .action(action(shell, versions, functionFlags));
  named(group.command("rollback"))
    .description("make an earlier version current, at once")
    .option(
      "--to <version>",
      "the number before the current one where not given, be it one that was rolled back from",
      wholeNumber,
    )
    .action(action(shell, rollback, functionFlags));
}
