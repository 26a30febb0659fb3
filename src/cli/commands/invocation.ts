import type { Command } from "commander";
import { action, printList, type Context } from "../context.js";
import { recordFlags } from "../flags.js";
import { getInvocation, listInvocations, type InvocationNode } from "../operations/invocation.operations.js";
import { choice, positiveNumber, several } from "../options.js";
import { collect } from "../paging.js";
import { formatAge, formatMs, formatValue, shortened, type Column } from "../print.js";
import { addAsyncCommands } from "./invocation-async.js";
import { describeInvocation } from "./invocation-description.js";
import { idOf, noInvocation, readFilter, type FilterOptions } from "./invocation-filter.js";
import type { Shell } from "../shell.js";

interface ListOptions extends FilterOptions {
  readonly limit: number;
  readonly status?: string[];
  readonly source?: string;
}

/** Whole it is in what `get` shows. */
const errorLength = 100;

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
  ["ERROR", (row) => shortened(row.error, errorLength)],
];

async function list(context: Context<ListOptions>): Promise<void> {
  const { api, options, now } = context;
  const filter = {
    ...(await readFilter(context)),
    status: options.status?.map((status) => status.toUpperCase()),
    source: options.source,
  };
  const advice = { NOT_FOUND: "`fermi function list` shows those there are" };
  const rows = await collect(options.limit, async (first, after) => {
    const { invocations } = await api.request(listInvocations, { filter, first, after }, { advice });
    return invocations;
  });
  printList(context, rows, columns(now), "invocations");
}

async function get(context: Context<unknown>): Promise<void> {
  const { api, shell, format, now } = context;
  const id = idOf(context);
  const { invocation } = await api.request(getInvocation, { id });
  if (invocation === null) throw noInvocation(id);
  shell.write(format === "table" ? describeInvocation(invocation, now) : formatValue(invocation, format));
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
    .addOption(choice("--source <source>", "those that came this way", sources))
    .option("--trigger <name>", "those that this route, timer, watch or queue called; its name or id")
    .option("--since <time>", "those since then: 10m ago, or a time")
    .option("--until <time>", "those before then")
    .option("--limit <n>", "at most so many", positiveNumber, 50)
    .action(action(shell, list, recordFlags));
  group
    .command("get")
    .description("show one invocation: what was asked, what came of it, and why it failed")
    .argument("<id>", "its id")
    .action(action(shell, get, recordFlags));
  addAsyncCommands(group, shell);
}
