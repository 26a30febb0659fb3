import type { Command } from "commander";
import { action, printList, type Context } from "../context.js";
import { listPools, type PoolNode } from "../operations/server.operations.js";
import type { Column } from "../print.js";
import type { Shell } from "../shell.js";

const columns: Column<PoolNode>[] = [
  ["NAMESPACE", (row) => row.environment.namespace],
  ["ENVIRONMENT", (row) => row.environment.name],
  ["POOLSIZE", (row) => row.environment.poolSize],
  ["WARM", (row) => row.warm],
  ["STARTING", (row) => row.starting],
  ["SPECIALIZED", (row) => row.specialized],
  ["PROBLEM", (row) => row.problem],
];

async function list(context: Context<{ allNamespaces?: boolean }>): Promise<void> {
  const namespace = context.options.allNamespaces === true ? null : context.namespace;
  const { pools } = await context.api.request(listPools, { namespace });
  printList(context, pools, columns, `pools${namespace === null ? "" : ` in namespace ${namespace}`}`);
}

export function addPoolCommands(program: Command, shell: Shell): void {
  const group = program.command("pool").description("pools: the instances that are ready and those that run");
  group
    .command("list")
    .description("list pools; -o json shows each instance")
    .option("-A, --all-namespaces", "of every namespace")
    .action(action(shell, list));
}
