/**
 * The command line: a GraphQL client and nothing else. It knows no part of the server; `serve` is handed in by whoever
 * starts the program. Each command group is a file under commands/, what it sends is beside it under operations/.
 */
import { Command, CommanderError, Option } from "commander";
import { readCliConfig, type CliConfig } from "../config/cli-config.js";
import { CliError, exitCodes, usageError } from "./cli-error.js";
import { programVersion } from "../lib/program-version.js";
import { addCheckCommand } from "./commands/check.js";
import { addCompletionCommand } from "./commands/completion.js";
import { addEnvironmentCommands } from "./commands/environment.js";
import { addFunctionLogCommand } from "./commands/function-logs.js";
import { addFunctionRunCommands } from "./commands/function-run.js";
import { addFunctionCommands } from "./commands/function.js";
import { addHelpCommand } from "./commands/help.js";
import { addInvocationCommands } from "./commands/invocation.js";
import { addPoolCommands } from "./commands/pool.js";
import { addRouteCommands } from "./commands/route.js";
import { addQueueCommands } from "./commands/queue.js";
import { addTimerCommands } from "./commands/timer.js";
import { addTopicCommands } from "./commands/topic.js";
import { addVersionCommand } from "./commands/version.js";
import { addWatchCommands } from "./commands/watch.js";
import { formats } from "./print.js";
import { processShell, type Shell } from "./shell.js";

type ServerCommand = (args: readonly string[], write: (text: string) => void) => Promise<void>;

export interface ProgramOptions {
  /**
   * Runs the server; gets what stands after `serve`, and what writes an answer. Its exit code is what it leaves in
   * `process.exitCode`.
   */
  readonly serve: ServerCommand;
  /** Brings the store up to date; as `serve`. */
  readonly migrate: ServerCommand;
  readonly shell?: Shell;
  readonly config?: CliConfig;
}

/** Runs one command line (without `node` and the script); resolves with the exit code and throws nothing. */
export async function runCli(args: readonly string[], options: ProgramOptions): Promise<number> {
  const shell = options.shell ?? processShell();
  if (args[0] === "--version" || args[0] === "-V") {
    shell.write(`${programVersion()}\n`);
    return exitCodes.ok;
  }
  try {
    await buildProgram({ ...options, shell }).parseAsync([...args], { from: "user" });
    // A server that could not start has said so here.
    return Number(process.exitCode ?? exitCodes.ok);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    if (!(error instanceof CliError)) throw error;
    shell.tell(`fermi: ${error.message.replace(/\s*\n\s*/g, " ")}`);
    return error.exitCode;
  }
}

export function buildProgram(options: ProgramOptions): Command {
  const { serve, migrate, shell = processShell(), config = readCliConfig() } = options;
  const program = new Command("fermi").description("functions as a service, driven through GraphQL");
  program
    .configureOutput({ writeOut: (text) => shell.write(text), writeErr: (text) => shell.tell(text.trimEnd()) })
    .configureOutput({ outputError: () => undefined })
    .configureHelp({ showGlobalOptions: true });
  addGlobalOptions(program, config);
  addEnvironmentCommands(program, shell);
  const functions = program.command("function").alias("fn").description("functions: code that answers requests");
  addFunctionCommands(functions, shell);
  addFunctionRunCommands(functions, shell);
  addFunctionLogCommand(functions, shell);
  addRouteCommands(program, shell);
  addTimerCommands(program, shell);
  addWatchCommands(program, shell);
  addQueueCommands(program, shell);
  addPoolCommands(program, shell);
  addInvocationCommands(program, shell);
  addTopicCommands(program, shell);
  const write = (text: string): void => shell.write(text);
  addServerCommand(program, "serve", "run the server in this process, or some of its roles", (args) =>
    serve(args, write),
  );
  addServerCommand(program, "migrate", "bring the tables of DATABASE_URL up to this version, once", (args) =>
    migrate(args, write),
  );
  addCheckCommand(program, shell);
  addVersionCommand(program, shell);
  addCompletionCommand(program, shell);
  addHelpCommand(program);
  throwUsageErrors(program);
  return program;
}

function addGlobalOptions(program: Command, { server, token, namespace }: CliConfig): void {
  program
    .addOption(new Option("--server <url>", "address of the API; FERMI_SERVER").default(server))
    .addOption(new Option("--token <token>", "bearer token of the API; FERMI_TOKEN").default(token, "none"))
    .addOption(new Option("-n, --namespace <name>", "namespace; FERMI_NAMESPACE").default(namespace))
    .addOption(new Option("-o, --output <format>", "form of the answer").choices(formats).default("table"));
}

/** Its flags are the server's settings, which it reads and explains itself (`fermi serve --help`). */
function addServerCommand(
  program: Command,
  name: string,
  description: string,
  run: (args: readonly string[]) => Promise<void>,
): void {
  program
    .command(name)
    .description(description)
    .argument("[flags...]", `its settings; \`fermi ${name} --help\` lists them`)
    .allowUnknownOption()
    .helpOption(false)
    .action((_flags: string[], _options: object, command: Command) => {
      refuseGlobalOptions(program, name);
      return run(command.args);
    });
}

/** Commander takes them for itself: a server that was to demand a token would start without one. */
function refuseGlobalOptions(program: Command, command: string): void {
  const given = program.options.find((option) => program.getOptionValueSource(option.attributeName()) === "cli");
  if (given === undefined) return;
  const isToken = command === "serve" && given.long === "--token";
  const advice = isToken
    ? "the token that the server is to demand is --admin-token"
    : `see \`fermi ${command} --help\``;
  throw usageError(`${given.long} is no setting of \`fermi ${command}\`; ${advice}`);
}

/** Commander's own complaints end like ours: one line, exit code 2, and which help to read. */
function throwUsageErrors(command: Command, path = command.name()): void {
  command.helpCommand(false).exitOverride((error) => {
    if (error.exitCode === 0) throw error;
    if (error.code === "commander.help") throw new CommanderError(exitCodes.usage, error.code, error.message);
    throw usageError(`${error.message.replace(/^error: /, "").replace(/\.$/, "")}; see \`${path} --help\``);
  });
  for (const sub of command.commands) throwUsageErrors(sub, `${path} ${sub.name()}`);
}
