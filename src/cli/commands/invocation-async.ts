/** Commands for invocations that were enqueued: follow one, call it off, run dead ones again. */
import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { refused, usageError } from "../cli-error.js";
import { action, printDone, type Context } from "../context.js";
import { recordFlags } from "../flags.js";
import {
  cancelInvocation,
  getInvocation,
  redriveInvocation,
  redriveInvocations,
  type InvocationNode,
} from "../operations/invocation.operations.js";
import { formatValue } from "../print.js";
import type { Shell } from "../shell.js";
import { readFilter, type FilterOptions } from "./invocation-filter.js";

const everyMs = 500;
const finalStatuses = ["SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED", "DEAD"];

export const noInvocation = (id: string): Error =>
  refused(`no invocation ${id}; it may be older than what the server keeps`);

export function idOf({ args }: Context<unknown>): string {
  const [id] = args;
  if (id === undefined) throw usageError("its id is missing; `fermi invocation list` shows them");
  return id;
}

/** Prints each change of its status until it has ended; what ended badly is an error of the command too. */
async function watch(context: Context<unknown>): Promise<void> {
  const { api, shell } = context;
  const id = idOf(context);
  const signal = shell.untilInterrupted();
  let seen = "";
  while (!signal.aborted) {
    const { invocation } = await api.request(getInvocation, { id });
    if (invocation === null) throw noInvocation(id);
    const now = `${invocation.status} ${invocation.attempts}`;
    if (now !== seen) writeStatus(context, invocation);
    seen = now;
    if (finalStatuses.includes(invocation.status)) {
      refuseFailure(invocation);
      return;
    }
    await delay(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

function writeStatus({ shell, format }: Context<unknown>, invocation: InvocationNode): void {
  const { status, attempts, error } = invocation;
  const tried = attempts === 0 ? "" : `  attempt ${attempts}`;
  if (format === "json") shell.write(`${JSON.stringify(invocation)}\n`);
  else if (format === "yaml") shell.write(`---\n${formatValue(invocation, format)}`);
  else shell.write(`${status.padEnd(9)}${tried}${error === null ? "" : `  ${error}`}\n`);
}

function refuseFailure({ id, status, error }: InvocationNode): void {
  if (status === "SUCCEEDED") return;
  throw refused(`invocation ${id} is ${status}${error === null ? "" : `: ${error.replace(/\.$/, "")}`}`);
}

async function cancel(context: Context<unknown>): Promise<void> {
  const id = idOf(context);
  const advice = { NOT_FOUND: "`fermi invocation list` shows those there are" };
  const { cancelInvocation: made } = await context.api.request(cancelInvocation, { id }, { advice });
  printDone(context, made, `invocation ${id} is called off`);
}

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

/** As many at a time as the server takes; nothing that dies meanwhile is run again by this command. */
async function redriveAll(context: Context<RedriveOptions>): Promise<number> {
  const { api, options, now } = context;
  const told = await readFilter(context);
  const filter = {
    ...told,
    status: [(options.status ?? "dead").toUpperCase()],
    until: told["until"] ?? now.toISOString(),
  };
  const advice = { NOT_FOUND: "`fermi function list` shows those there are" };
  let count = 0;
  for (let hasMore = true; hasMore;) {
    const { redriveInvocations: made } = await api.request(redriveInvocations, { filter }, { advice });
    count += made.count;
    hasMore = made.hasMore;
  }
  return count;
}

export function addAsyncCommands(group: Command, shell: Shell): void {
  group
    .command("watch")
    .description("print each change of an invocation's status until it has ended")
    .argument("<id>", "its id")
    .action(action(shell, watch, recordFlags));
  group
    .command("cancel")
    .description("call an enqueued invocation off: one that runs is broken off")
    .argument("<id>", "its id")
    .action(action(shell, cancel, recordFlags));
  group
    .command("redrive")
    .description("run dead invocations again: one, or all that match")
    .argument("[id]", "its id")
    .option("--function <name>", "those of one function")
    .option("--trigger <name>", "those that this route, timer, watch or queue called; its name or id")
    .option("--status <status>", "dead, which is the only one")
    .option("--since <time>", "those since then: 10m ago, or a time")
    .option("--until <time>", "those before then")
    .action(action(shell, redrive, recordFlags));
}
