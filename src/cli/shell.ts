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
      if (!isGuarded) endQuietlyWithoutReader();
      isGuarded = true;
      process.stdout.write(chunk);
    },
    tell: (line) => void process.stderr.write(`${line}\n`),
    readStdin: async () => {
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

/** Whoever closed the pipe (`fermi function list | head`) has seen all that was wanted. */
function endQuietlyWithoutReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}
