/** The whole program as its users run it: a process of its own, on free ports, with data of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

export const repository = path.resolve(import.meta.dirname, "../..");

export interface GqlAnswer<T> {
  readonly data?: T | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly extensions: { readonly code: string } & Record<string, unknown>;
  }[];
}

export interface FermiOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** A script of the repository and its arguments; `fermi serve` where it is not given. */
  readonly program?: readonly [string, ...string[]];
  /** What starts the program's own command, which comes behind it. */
  readonly launcher?: readonly string[];
  /** Given: data that an earlier run left; it is then the caller's to remove. */
  readonly dataDir?: string;
}

export interface Fermi {
  readonly apiUrl: string;
  readonly routerUrl: string;
  readonly dataDir: string;
  readonly process: ChildProcess;
  /** Everything printed so far. */
  output(): string;
  gql<T = Record<string, unknown>>(query: string, variables?: object): Promise<GqlAnswer<T>>;
  /** As `gql`, but an error fails the test. */
  ok<T = Record<string, unknown>>(query: string, variables?: object): Promise<T>;
  /** SIGTERM, and what the process ended with. */
  stop(): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

interface Launched {
  readonly child: ChildProcess;
  readonly readyFile: string;
  output(): string;
}

const startDeadlineMs = 60_000;

/** A folder that the database's user can reach when the tests run as root. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "fermi-"));
  await chmod(folder, 0o755);
  return folder;
}

export async function startFermi(options: FermiOptions = {}): Promise<Fermi> {
  const dataDir = options.dataDir ?? (await temporaryFolder());
  const { child, output, readyFile } = launch(options, dataDir);
  const { apiUrl, routerUrl } = await ready(child, readyFile, output);
  const gql = async <T>(query: string, variables?: object): Promise<GqlAnswer<T>> => {
    const response = await fetch(`${apiUrl}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...bearer(options) },
      body: JSON.stringify({ query, variables }),
    });
    return (await response.json()) as GqlAnswer<T>;
  };
  const ended = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, "exit");
    }
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    return child.exitCode;
  };
  return {
    apiUrl,
    routerUrl,
    dataDir,
    process: child,
    output,
    gql,
    ok: async <T>(query: string, variables?: object): Promise<T> => {
      const { data, errors } = await gql<T>(query, variables);
      if (errors !== undefined || data === undefined || data === null) throw new Error(JSON.stringify(errors));
      return data;
    },
    stop: () => ended("SIGTERM"),
    kill: async () => {
      await ended("SIGKILL");
    },
  };
}

/** Starts the program only, for tests of what happens when it does not become ready. */
export function launch(options: FermiOptions, dataDir: string): Launched {
  const readyFile = path.join(dataDir, `ready-${randomUUID()}.json`);
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("FERMI_") && name !== "DATABASE_URL",
  );
  const env = {
    ...Object.fromEntries(inherited),
    NODE_OPTIONS: "",
    FERMI_API_PORT: "0",
    FERMI_ROUTER_PORT: "0",
    // One process starts sooner than several; what is of workers says so.
    FERMI_ROUTER_WORKERS: "1",
    FERMI_DATA_DIR: dataDir,
    FERMI_READY_FILE: readyFile,
    FERMI_EXAMPLES: "false",
    ...options.env,
  };
  const [script, ...rest] = options.program ?? ["dist/main.js", "serve"];
  const serve = [path.join(repository, script), ...rest, ...(options.args ?? [])];
  const [program, ...args] = [...(options.launcher ?? []), process.execPath, ...serve] as [string, ...string[]];
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { child, readyFile, output: () => text };
}

const bearer = ({ env }: FermiOptions): Record<string, string> =>
  env?.["FERMI_ADMIN_TOKEN"] === undefined ? {} : { authorization: `Bearer ${env["FERMI_ADMIN_TOKEN"]}` };

async function ready(
  child: ChildProcess,
  file: string,
  output: () => string,
): Promise<{ apiUrl: string; routerUrl: string }> {
  return eventually(async () => {
    if (child.exitCode !== null) throw new Fatal(`the server ended with ${child.exitCode}:\n${output()}`);
    return JSON.parse(await readFile(file, "utf8")) as { apiUrl: string; routerUrl: string };
  }, startDeadlineMs);
}

class Fatal extends Error {}

/** Tries until it does not throw; the last failure when the deadline has passed. The one place of the tests that polls. */
export async function eventually<T>(attempt: () => Promise<T> | T, deadlineMs = 10_000, everyMs = 20): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof Fatal || performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}
