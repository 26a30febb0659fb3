import { parseArgs } from "node:util";
import { contradictions } from "./contradictions.js";
import { SettingError } from "./parse-setting.js";
import type { Setting } from "./setting.js";
import { settings, type Config } from "./settings.js";

/** All that is wrong with the configuration, one line each. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
  }
}

const all: readonly [keyof Config, Setting<unknown>][] = Object.entries(settings) as [keyof Config, Setting<unknown>][];
/** Read elsewhere: by the CLI, and by those who start the server. */
const otherVariables = ["FERMI_SERVER", "FERMI_TOKEN", "FERMI_NAMESPACE"];

/** Flags beat variables beat defaults; every problem is found before it throws a ConfigError. */
export function readConfig(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Config {
  const problems: string[] = [];
  const config = readValues(all, args, env, problems);
  problems.push(...unknownVariables(env));
  problems.push(...contradictions(config));
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config);
}

/** Each by itself; what can't be read is left out and told in `problems`. */
function readValues<Key extends keyof Config>(
  wanted: readonly (readonly [Key, Setting<unknown>])[],
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  problems: string[],
): Pick<Config, Key> {
  const flags = readFlags(args, problems);
  const values: Partial<Record<Key, unknown>> = {};
  for (const [key, setting] of wanted) {
    const flag = flags.get(setting.flag);
    const given = flag ?? fromEnvironment(setting, env) ?? setting.defaultText;
    values[key] =
      given === null ? null : parse(setting, given, flag === undefined ? setting.env : setting.flag, problems);
  }
  return values as Pick<Config, Key>;
}

/** What `fermi migrate` needs of them: the rest may be as it likes. */
export type MigrateConfig = Pick<Config, "logLevel" | "logFormat"> & { readonly databaseUrl: string };

export function readMigrateConfig(args: readonly string[], env: NodeJS.ProcessEnv = process.env): MigrateConfig {
  const problems: string[] = [];
  const wanted = (["databaseUrl", "logLevel", "logFormat"] as const).map((key) => [key, settings[key]] as const);
  const { databaseUrl, logLevel, logFormat } = readValues(wanted, args, env, problems);
  if (databaseUrl === null)
    problems.push("DATABASE_URL must be set: it says whose tables are to be brought up to date");
  if (problems.length > 0) throw new ConfigError(problems);
  return { databaseUrl: databaseUrl as string, logLevel, logFormat };
}

function readFlags(args: readonly string[], problems: string[]): Map<string, string> {
  const options = Object.fromEntries(
    all.map(([, { flag, flagSets }]) => [
      flag.slice(2),
      { type: flagSets === undefined ? ("string" as const) : ("boolean" as const) },
    ]),
  );
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false });
    return new Map(all.flatMap(([, setting]) => flagText(setting, values[setting.flag.slice(2)])));
  } catch (error) {
    const [firstSentence] = (error as Error).message.split(". ");
    problems.push(`${firstSentence ?? "unreadable flags"} (\`fermi serve --help\` lists the flags)`);
    return new Map();
  }
}

function flagText({ flag, flagSets }: Setting<unknown>, given: unknown): [string, string][] {
  if (typeof given === "string") return [[flag, given]];
  return given === true && flagSets !== undefined ? [[flag, flagSets]] : [];
}

function parse(setting: Setting<unknown>, text: string, from: string, problems: string[]): unknown {
  try {
    return setting.parse(text);
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    problems.push(`${from} ${error.message}`);
    return undefined;
  }
}

const nonEmpty = (text: string | undefined): string | undefined => (text === "" ? undefined : text);

/** What Kubernetes puts into every pod beside a service that is called `fermi` or `fermi-…`. */
const serviceVariable = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)$/;

/** The service `fermi-api` makes FERMI_API_PORT an address like tcp://10.0.0.1:31313: nobody's setting. */
const isOfService = (name: string, text = ""): boolean =>
  serviceVariable.test(name) || (/^FERMI(_\w+)?_PORT$/.test(name) && /^(tcp|udp|sctp):\/\//.test(text));

function fromEnvironment({ env: name }: Setting<unknown>, env: NodeJS.ProcessEnv): string | undefined {
  const text = nonEmpty(env[name]);
  return isOfService(name, text) ? undefined : text;
}

/** A misspelt setting that is silently ignored costs an hour; so it is refused. */
function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = new Set([...all.map(([, setting]) => setting.env), ...otherVariables]);
  return Object.keys(env)
    .filter(
      (name) =>
        name.startsWith("FERMI_") &&
        !name.startsWith("FERMI_TEST_") &&
        !known.has(name) &&
        !isOfService(name, env[name]),
    )
    .map((name) => `${name} is no setting of Fermi (\`fermi serve --help\` lists them)`);
}

/** `fermi serve --help`. */
export function describeSettings(): string {
  const rows = all.map(([, setting]) => {
    const value = setting.flagSets === undefined ? " <value>" : "";
    const fallback =
      setting.defaultText === null || setting.defaultText === "" ? "" : ` (default ${setting.defaultText})`;
    return `  ${`${setting.flag}${value}`.padEnd(34)}${setting.description}${fallback}; ${setting.env}`;
  });
  return [
    "Usage: fermi serve [flags]",
    "",
    "Runs Fermi in this process, all of it or the roles that it is given. Each flag has an environment variable, named at the end of its line.",
    "",
    ...rows,
    "",
  ].join("\n");
}

/** What the program passes on to user code's processes, and nothing else. */
export interface ProcessEnvironment {
  readonly path: string;
  readonly lang: string;
}

export const readProcessEnvironment = (env: NodeJS.ProcessEnv = process.env): ProcessEnvironment => ({
  path: env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
  lang: env["LANG"] ?? "C.UTF-8",
});
