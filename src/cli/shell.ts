import { exitCodes } from "./cli-error.js";

/** The process around a command, as a value: tests hand in their own. */
export interface Shell {
  /** Text or bytes for stdout. */
  write(chunk: string | Uint8Array): void;
  /** One line for stderr. */
  tell(line: string): void;
  readStdin(): Promise<Buffer>;
  /** Aborts at the first Ctrl-C (or SIGTERM) after the call; before it, Ctrl-C simply ends the process. */
  untilInterrupted(): AbortSignal;
}

export function processShell(): Shell {
  let isGuarded = false;
  return {
    write: (chunk) => {
      // Only now: what a server prints may be read for a while and no longer without ending it.
      if (!isGuarded) process.stdout.on("error", endUnwritten);
      isGuarded = true;
      // A pipe fails later, by an event; a file at once, by a throw.
      try {
        process.stdout.write(chunk);
      } catch (error) {
        endUnwritten(error as NodeJS.ErrnoException);
      }
    },
    tell,
    readStdin: async () => {
      // Who forgot it would wait for a program that waits for them.
      if (process.stdin.isTTY) tell("fermi: type what is to be sent, and end it with Ctrl-D");
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
    untilInterrupted: () => {
      const abort = new AbortController();
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => abort.abort());
      return abort.signal;
    },
  };
}

/** Nobody can be told that nobody can be told. */
function tell(line: string): void {
  if (process.stderr.listenerCount("error") === 0) process.stderr.on("error", () => {});
  try {
    process.stderr.write(`${line}\n`);
  } catch {
    // likewise
  }
}

const reasons: Readonly<Record<string, string>> = { ENOSPC: "no space is left on the device", EIO: "the device fails" };

/** Whoever closed the pipe (`fermi function list | head`) has seen all that was wanted; any other end is a failure. */
function endUnwritten({ code = "unknown" }: NodeJS.ErrnoException): never {
  if (code === "EPIPE") process.exit(exitCodes.ok);
  tell(`fermi: the answer can't be written: ${reasons[code] ?? code}`);
  process.exit(exitCodes.refused);
}
