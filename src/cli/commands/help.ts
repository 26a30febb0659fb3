import type { Command } from "commander";
import { usageError } from "../cli-error.js";

/** `fermi help function create` is `fermi function create --help`. */
async function help(program: Command, words: readonly string[]): Promise<void> {
  let command = program;
  for (const word of words) {
    const sub = command.commands.find((known) => known.name() === word || known.aliases().includes(word));
    if (sub === undefined) throw usageError(`there is no command ${words.join(" ")}; see \`fermi --help\``);
    command = sub;
  }
  // They explain themselves: their flags are not this program's.
  const isServers = ["serve", "migrate"].includes(command.name());
  if (isServers) await program.parseAsync([command.name(), "--help"], { from: "user" });
  else command.outputHelp();
}

export function addHelpCommand(program: Command): void {
  program
    .command("help")
    .description("explain a command, as its --help does")
    .argument("[command...]", "as in `fermi help function create`")
    .action((words: string[]) => help(program, words));
}
