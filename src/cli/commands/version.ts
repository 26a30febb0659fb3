import type { Command } from "commander";
import { programVersion } from "../../lib/program-version.js";
import { CliError, exitCodes } from "../cli-error.js";
import { action, type Context } from "../context.js";
import { getServer } from "../operations/server.operations.js";
import { formatValue } from "../print.js";
import type { Shell } from "../shell.js";

async function version(context: Context<unknown>): Promise<void> {
  const { shell, format } = context;
  const client = programVersion();
  if (format === "table") {
    shell.write(`client ${client}\n`);
    shell.write(`server ${(await serverVersion(context)) ?? "not reachable"}\n`);
    return;
  }
  const server = serverVersion(context);
  const told = await server.catch(() => null);
  shell.write(formatValue({ client, server: told }, format));
  await server;
}

/** Null where no server answers: a client without one has a version all the same. */
async function serverVersion({ api }: Context<unknown>): Promise<string | null> {
  try {
    const { server } = await api.request(getServer, {});
    return server.version;
  } catch (error) {
    if (error instanceof CliError && error.exitCode === exitCodes.unreachable) return null;
    throw error;
  }
}

export function addVersionCommand(program: Command, shell: Shell): void {
  program
    .command("version")
    .description("versions of this program and, where one can be reached, of the server")
    .action(action(shell, version));
}
