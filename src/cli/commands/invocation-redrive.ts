import type { Command } from "commander";
import { usageError } from "../cli-error.js";
import { action, printDone, type Context } from "../context.js";
import { recordFlags } from "../flags.js";
import { listAcceptedAt, redriveInvocation, redriveInvocations } from "../operations/invocation.operations.js";
import { choice } from "../options.js";
import { collect } from "../paging.js";
import type { Shell } from "../shell.js";
import { idOf, readFilter, type FilterOptions } from "./invocation-filter.js";

interface RedriveOptions extends FilterOptions {
  readonly status?: string;
}

const filters = ["function", "trigger", "status", "since", "until"] as const;

async function redrive(context: Context<RedriveOptions>): Promise<void> {
  const { api, args, options } = context;
  const given = filters.filter((name) => options[name] !== undefined).map((name) => `--${name}`);
  if (args.length > 0) {
    const id = idOf(context);
    if (given.length > 0) throw usageError(`an id says which; it can't be given along with ${given.join(", ")}`);
    const { redriveInvocation: made } = await api.request(redriveInvocation, { id });
    printDone(context, made, `invocation ${id} runs again`);
    return;
  }
  if (![options.function, options.trigger, options.status].some((one) => one !== undefined)) {
    throw usageError(
      "say which: an id, or --function <name>, or --trigger <name>, or --status dead for all of the namespace",
    );
  }
  const count = await redriveAll(context);
  printDone(context, { count }, count === 1 ? "1 invocation runs again" : `${count} invocations run again`);
}

/**
 * Each of them once. The server takes the oldest that match, a number at a time, and those that die again at once are
 * the oldest still: so they are looked up first, and the server is asked for one span of time after the other.
 */
async function redriveAll(context: Context<RedriveOptions>): Promise<number> {
  const { api, now } = context;
  const told = await readFilter(context);
  const filter = { ...told, status: ["DEAD"], until: told["until"] ?? now.toISOString() };
  const advice = { NOT_FOUND: "`fermi function list` shows those there are" };
  const dead = await collect(Infinity, async (first, after) => {
    return (await api.request(listAcceptedAt, { filter, first, after }, { advice })).invocations;
  });
  let count = 0;
  for (const { since, until } of spansOf(dead.map(({ acceptedAt }) => acceptedAt))) {
    const { redriveInvocations: made } = await api.request(redriveInvocations, { filter: { ...filter, since, until } });
    count += made.count;
  }
  return count;
}

/** How many the server runs again for one request. */
const redriveMax = 1_000;

interface Span {
  readonly since: string;
  until: string;
  size: number;
}

/** Cuts times, newest first, into spans that the server takes whole, oldest first. */
function spansOf(times: readonly string[]): Span[] {
  const sizes = new Map<string, number>();
  for (const at of times) sizes.set(at, (sizes.get(at) ?? 0) + 1);
  const spans: Span[] = [];
  for (const [at, size] of [...sizes].reverse()) {
    const last = spans.at(-1);
    if (last === undefined || last.size + size > redriveMax) spans.push({ since: at, until: at, size });
    else Object.assign(last, { until: at, size: last.size + size });
  }
  return spans;
}

export function addRedriveCommand(group: Command, shell: Shell): void {
  group
    .command("redrive")
    .description("run dead invocations again: one, or all that match, each once")
    .argument("[id]", "its id")
    .option("--function <name>", "those of one function")
    .option("--trigger <name>", "those that this route, timer, watch or queue called; its name or id")
    .addOption(choice("--status <status>", "dead, which is the only one", ["DEAD"]))
    .option("--since <time>", "those since then: 10m ago, or a time")
    .option("--until <time>", "those before then")
    .action(action(shell, redrive, recordFlags));
}
