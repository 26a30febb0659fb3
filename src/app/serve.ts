/** `fermi serve`: the server as a process: settings, signals, what is printed, and the exit code. */
import "reflect-metadata"; // Before anything decorated is loaded.
import { rm, writeFile } from "node:fs/promises";
import { isAlone } from "../config/contradictions.js";
import { describeSettings, readConfig } from "../config/read-config.js";
import type { Config } from "../config/settings.js";
import type { Logger } from "../lib/logger.js";
import { FermiServer } from "./fermi-server.js";
import { createLogger } from "./logger.js";
import { configOrUndefined } from "./config-or-undefined.js";
import { startProblem } from "./start-problem.js";

/** Exit codes: 0 stopped as asked, 1 could not start, 2 wrong settings. `write` is for what is answered at once. */
export async function serve(args: readonly string[], write: (text: string) => void): Promise<void> {
  if (args.includes("--help") || args.includes("-h")) {
    write(describeSettings());
    return;
  }
  const config = configOrUndefined(() => readConfig(args));
  if (config === undefined) return;
  const logger = createLogger({ level: config.logLevel, format: config.logFormat });
  const server = new FermiServer(config, logger);
  const stopped = stopOnSignal(server, logger);
  try {
    await server.start();
  } catch (error) {
    explain(error, config, logger);
    process.exitCode = 1;
    await server.stop();
    return;
  }
  if (server.isStopping) {
    await stopped;
    return;
  }
  await announce(server, config);
  await stopped;
  if (config.readyFile !== null) await rm(config.readyFile, { force: true });
}

/** One Ctrl-C may arrive twice: from the terminal, and passed on by npm. */
const sameSignalMs = 500;

/** Resolves when the server has stopped. A second signal ends the process at once. */
function stopOnSignal(server: FermiServer, logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    let askedMs: number | undefined;
    const onSignal = (signal: NodeJS.Signals): void => {
      const nowMs = performance.now();
      if (askedMs !== undefined) {
        if (nowMs - askedMs > sameSignalMs) process.exit(1);
        return;
      }
      askedMs = nowMs;
      logger.info({ signal }, "stopping; requests in flight may finish, a second signal ends at once");
      void server.stop().then(resolve);
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}

function explain(error: unknown, config: Config, logger: Logger): void {
  const problem = startProblem(error, config);
  if (problem === undefined) logger.error({ err: error }, "the server did not start");
  else process.stderr.write(`fermi: ${problem.replace(/\s*\n\s*/g, " ")}\n`);
}

async function announce(server: FermiServer, config: Config): Promise<void> {
  const { addresses } = server;
  if (config.readyFile !== null) await writeFile(config.readyFile, JSON.stringify(addresses));
  const places: [string, string | undefined][] = [
    ["API", addresses.apiUrl && `${addresses.apiUrl}/graphql   playground: ${addresses.apiUrl}/`],
    ["Router", addresses.routerUrl],
    ["Poolmgr", addresses.poolmgrUrl],
    ["Triggers", addresses.triggersUrl],
    ["Data", server.place],
  ];
  const shown = places.flatMap(([name, place]) => (place === undefined ? [] : [`  ${name.padEnd(8)} ${place}`]));
  const advice = isAlone(config) ? ["Try:", ...examples(server), ""] : [];
  process.stdout.write(["", readyLine(config), "", ...shown, "", ...advice, ""].join("\n"));
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
