import { Option, type Command } from "commander";
import { refused } from "../cli-error.js";
import { action, printList, printOne, type Context } from "../context.js";
import { recordFlags } from "../flags.js";
import { getInvocation, listInvocations, type InvocationNode } from "../operations/invocation.operations.js";
import { listTriggers } from "../operations/trigger.operations.js";
import { positiveNumber, readTime, several } from "../options.js";
import { collect } from "../paging.js";
import { formatAge, formatMs, type Column } from "../print.js";
import { addAsyncCommands, idOf, noInvocation } from "./invocation-async.js";
import type { Shell } from "../shell.js";
import { triggerWords } from "../trigger-operations.js";

interface ListOptions {
  readonly allNamespaces?: boolean;
  readonly limit: number;
  readonly function?: string;
  readonly status?: string[];
  readonly source?: string;
  readonly trigger?: string;
  readonly since?: string;
  readonly until?: string;
}

const columns = (now: Date): Column<InvocationNode>[] => [
  ["ID", (row) => row.id],
  ["FUNCTION", (row) => row.function.name],
  ["VERSION", (row) => row.functionVersion],
  ["SOURCE", (row) => row.source],
  ["TRIGGER", (row) => row.trigger?.name],
  ["STATUS", (row) => row.status],
  ["HTTP", (row) => row.httpStatus],
  ["COLD", (row) => (row.coldStart ? "yes" : "no")],
  ["WAITED", (row) => formatMs(row.waitMs)],
  ["LASTED", (row) => formatMs(row.durationMs)],
  ["REQUEST", (row) => `${row.method} ${row.path}`],
  ["AGE", (row) => formatAge(row.acceptedAt, now)],
];

const isId = (text: string): boolean => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text);

/** Names are one kind's own, so several triggers may have the one that was given. An id is that of a deleted one too. */
async function triggerId({ api, namespace, options }: Context<ListOptions>, given: string): Promise<string> {
  if (isId(given)) return given;
  const from = options.allNamespaces === true ? null : namespace;
  const all = await collect(Infinity, async (first, after) => {
    const variables = { namespace: from, function: null, first, after };
    return (await api.request(listTriggers, variables)).triggers;
  });
  const [found, ...others] = all.filter(({ name }) => name === given);
  const where = from === null ? "" : ` in namespace ${from}`;
  if (found === undefined) throw refused(`no trigger ${given}${where}; pass its id if it has been deleted`);
  if (others.length === 0) return found.id;
  const each = [found, ...others].map(({ __typename: type, id }) => `${triggerWords[type].one} ${id}`);
  throw refused(`several triggers are called ${given}${where}; pass the id of one: ${each.join(", ")}`);
}

async function list(context: Context<ListOptions>): Promise<void> {
  const { api, options, now } = context;
  const trigger = options.trigger === undefined ? undefined : await triggerId(context, options.trigger);
  const filter = {
    // A trigger stands for its namespace: who has an id needs no namespace to go with it.
    namespace: options.allNamespaces === true || trigger !== undefined ? undefined : context.namespace,
    trigger,
    function: options.function,
    status: options.status?.map((status) => status.toUpperCase()),
    source: options.source,
    since: options.since === undefined ? undefined : readTime(options.since, now),
    until: options.until === undefined ? undefined : readTime(options.until, now),
  };
  const advice = { NOT_FOUND: "`fermi function list` shows those there are" };
  const rows = await collect(options.limit, async (first, after) => {
    const { invocations } = await api.request(listInvocations, { filter, first, after }, { advice });
    return invocations;
  });
  printList(context, rows, columns(now), "invocations");
}

async function get(context: Context<unknown>): Promise<void> {
  const { api, now } = context;
  const id = idOf(context);
  const { invocation } = await api.request(getInvocation, { id });
  if (invocation === null) throw noInvocation(id);
  printOne(context, invocation, columns(now));
}

const sources = ["HTTP", "TIME", "KUBERNETES_WATCH", "QUEUE", "GRAPHQL"];

export function addInvocationCommands(program: Command, shell: Shell): void {
  const group = program.command("invocation").description("invocations: what ran, how it went, how long it took");
  group
    .command("list")
    .description("list invocations, newest first")
    .option("-A, --all-namespaces", "of every namespace")
    .option("--function <name>", "those of one function")
    .option("--status <status>", "those with this status; repeat it for more", several)
    .addOption(new Option("--source <source>", "those that came this way").choices(sources))
    .option("--trigger <name>", "those that this route, timer, watch or queue called; its name or id")
    .option("--since <time>", "those since then: 10m ago, or a time")
    .option("--until <time>", "those before then")
    .option("--limit <n>", "at most so many", positiveNumber, 50)
    .action(action(shell, list, recordFlags));
  group
    .command("get")
    .description("show one invocation")
    .argument("<id>", "its id")
    .action(action(shell, get, recordFlags));
  addAsyncCommands(group, shell);
}
