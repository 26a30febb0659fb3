/** `fermi serve`: the server as a process: settings, when to stop, what is printed, and the exit code. */
import "reflect-metadata"; // Before anything decorated is loaded.
import { lookup } from "node:dns/promises";
import { isAlone } from "../config/contradictions.js";
import { describeSettings, readConfig } from "../config/read-config.js";
import type { Config } from "../config/settings.js";
import { aborted } from "../lib/aborted.js";
import type { Logger } from "../lib/logger.js";
import { FermiServer } from "./fermi-server.js";
import { createLogger } from "./logger.js";
import { configOrUndefined } from "./config-or-undefined.js";
import { print } from "./print.js";
import { ReadyFile } from "./ready-file.js";
import { startProblem } from "./start-problem.js";
import { stopRequest } from "./stop-request.js";

/** Exit codes: 0 stopped as asked, 1 could not start, 2 wrong settings. `write` is for what is answered at once. */
export async function serve(args: readonly string[], write: (text: string) => void): Promise<void> {
  if (args.includes("--help") || args.includes("-h")) {
    write(describeSettings());
    return;
  }
  const config = configOrUndefined(() => readConfig(args));
  if (config === undefined) return;
  const logger = createLogger({ level: config.logLevel, format: config.logFormat });
  const readyFile = new ReadyFile(config.readyFile);
  const server = new FermiServer(config, logger, () => readyFile.clear());
  const stopped = stopWhenAsked(server, logger);
  try {
    await readyFile.check();
    // Listening fails by it only when much has been started.
    await lookup(config.host);
    await server.start();
    if (!server.isStopping) await announce(server, config, readyFile);
  } catch (error) {
    explain(error, config, logger);
    process.exitCode = 1;
    await server.stop();
    return;
  }
  await stopped;
  await readyFile.remove();
  // Whatever its start waits for, a database that is not heard of, say, is waited for no longer.
  if (server.isStarting) process.exit();
}

async function stopWhenAsked(server: FermiServer, logger: Logger): Promise<void> {
  stopRequest.heedSignals();
  const { asked } = stopRequest;
  await aborted(asked);
  logger.info({ by: asked.reason as string }, "stopping; requests in flight may finish, a second signal ends at once");
  await server.stop();
}

function explain(error: unknown, config: Config, logger: Logger): void {
  const problem = startProblem(error, config);
  if (problem === undefined) logger.error({ err: error }, "the server did not start");
  else print(process.stderr, `fermi: ${problem.replace(/\s*\n\s*/g, " ")}\n`);
}

async function announce(server: FermiServer, config: Config, readyFile: ReadyFile): Promise<void> {
  const { addresses } = server;
  await readyFile.write(addresses);
  const places: [string, string | undefined][] = [
    ["API", addresses.apiUrl && `${addresses.apiUrl}/graphql   playground: ${addresses.apiUrl}/`],
    ["Router", addresses.routerUrl],
    ["Poolmgr", addresses.poolmgrUrl],
    ["Triggers", addresses.triggersUrl],
    ["Data", server.place],
  ];
  const shown = places.flatMap(([name, place]) => (place === undefined ? [] : [`  ${name.padEnd(8)} ${place}`]));
  const advice = isAlone(config) ? ["Try:", ...examples(server), ""] : [];
  print(process.stdout, ["", readyLine(config), "", ...shown, "", ...advice, ""].join("\n"));
}

/** The ports of a part are open; whether it is ready, it says there. */
const readyLine = (config: Config): string =>
  isAlone(config) ? "Fermi is ready." : `Fermi runs here as ${config.roles.join(", ")}.`;

function examples({ addresses: { apiUrl = "", routerUrl = "" }, hasExample }: FermiServer): string[] {
  const flag = apiUrl === "http://localhost:31313" ? "" : ` --server ${apiUrl}`;
  return [
    ...(hasExample
      ? [`  curl ${routerUrl}/hello`, `  npx fermi${flag} function logs hello -f`]
      : [`  npx fermi${flag} env list`, `  npx fermi${flag} function create --help`]),
    `  npx fermi${flag} function list`,
  ];
}
