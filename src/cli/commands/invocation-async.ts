/** Commands for invocations that were enqueued: follow one, or call it off. */
import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { refused } from "../cli-error.js";
import { action, printDone, type Context } from "../context.js";
import { recordFlags } from "../flags.js";
import { cancelInvocation, getInvocation, type InvocationNode } from "../operations/invocation.operations.js";
import { formatValue } from "../print.js";
import type { Shell } from "../shell.js";
import { idOf, noInvocation } from "./invocation-filter.js";
import { addRedriveCommand } from "./invocation-redrive.js";

const everyMs = 500;
const finalStatuses = ["SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED", "DEAD"];

/**
 * Prints each change of its status until it has ended; what ended badly is an error of the command too. Ctrl-C ends the
 * process as it ends any: nobody is to take it for an invocation that succeeded.
 */
async function watch(context: Context<unknown>): Promise<void> {
  const { api } = context;
  const id = idOf(context);
  let seen = "";
  for (;;) {
    const { invocation } = await api.request(getInvocation, { id });
    if (invocation === null) throw noInvocation(id);
    const now = `${invocation.status} ${invocation.attempts}`;
    if (now !== seen) writeStatus(context, invocation);
    seen = now;
    if (finalStatuses.includes(invocation.status)) {
      refuseFailure(invocation);
      return;
    }
    await delay(everyMs);
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
  addRedriveCommand(group, shell);
}
