/** One command line, run in the test's own process. */
import { runCli } from "../../src/cli/program.js";
import type { Shell } from "../../src/cli/shell.js";
import { refuse, startFakeApi, type FakeApi, type RootFields } from "./fake-api.js";

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly server?: string;
  readonly stdin?: string;
  readonly token?: string;
  readonly namespace?: string;
  readonly interrupt?: AbortSignal;
  readonly onWrite?: (text: string) => void;
  /** Told which API the command will talk to. */
  readonly onApi?: (api: FakeApi) => void;
  readonly serve?: (args: readonly string[]) => Promise<void>;
  readonly migrate?: (args: readonly string[]) => Promise<void>;
}

/** Runs one command line in this process. */
export async function runFermi(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const stdout: Buffer[] = [];
  const stderr: string[] = [];
  const shell: Shell = {
    write: (chunk) => {
      stdout.push(Buffer.from(chunk));
      options.onWrite?.(Buffer.from(chunk).toString());
    },
    tell: (line) => void stderr.push(line),
    readStdin: async () => Buffer.from(options.stdin ?? ""),
    untilInterrupted: () => options.interrupt ?? new AbortController().signal,
  };
  const exitCode = await runCli(args, {
    serve: options.serve ?? (async () => {}),
    migrate: options.migrate ?? (async () => {}),
    shell,
    config: {
      server: options.server ?? "http://127.0.0.1:1",
      token: options.token ?? null,
      namespace: options.namespace ?? "default",
    },
  });
  return { exitCode, stdout: Buffer.concat(stdout).toString(), stderr: stderr.join("\n") };
}

/** Runs a command line against an API with these root fields; `input` is that of the last request. */
export async function fermi(
  line: string | readonly string[],
  rootFields: RootFields,
  options: RunOptions = {},
): Promise<Ran & { readonly api: FakeApi; readonly input: unknown }> {
  const api = await startFakeApi(rootFields);
  options.onApi?.(api);
  try {
    const ran = await runFermi(typeof line === "string" ? line.split(" ") : line, { server: api.url, ...options });
    return { ...ran, api, input: api.requests.at(-1)?.variables["input"] };
  } finally {
    await api.stop();
  }
}

/** A root field that refuses. */
export const throws = (code: string, message: string, field?: string) => (): never => {
  throw refuse(code, message, field);
};
