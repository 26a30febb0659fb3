import type { Command } from "commander";
import { refused } from "../cli-error.js";
import { action, printList, type Context } from "../context.js";
import { getChecks, type CheckNode } from "../operations/server.operations.js";
import type { Column } from "../print.js";
import type { Shell } from "../shell.js";

const columns: Column<CheckNode>[] = [
  ["CHECK", (row) => row.name],
  ["STATUS", (row) => (row.ok ? "ok" : "FAILED")],
  ["MESSAGE", (row) => row.message],
];

/** What is wrong comes first; scripts go by the exit code. */
async function check(context: Context<unknown>): Promise<void> {
  const { server } = await context.api.request(getChecks, {});
  const checks = [...server.checks].sort((a, b) => Number(a.ok) - Number(b.ok));
  printList(context, checks, columns, "checks");
  const failed = checks.filter(({ ok }) => !ok).length;
  if (failed > 0) throw refused(`${failed} of ${checks.length} checks failed; what is wrong stands above`);
}

export function addCheckCommand(program: Command, shell: Shell): void {
  program
    .command("check")
    .description("look whether all is well with the installation; ends with 1 where something is not")
    .action(action(shell, check));
}
