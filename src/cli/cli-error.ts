import type { ErrorCode } from "../errors/codes.js";

/** Scripts rely on these numbers. */
export const exitCodes = { ok: 0, refused: 1, usage: 2, unreachable: 3 } as const;

/** Ends the command: its message becomes one line on stderr that also says what to do next. */
export class CliError extends Error {
  constructor(
    readonly exitCode: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "CliError";
  }
}

export const usageError = (message: string): CliError => new CliError(exitCodes.usage, message);
export const refused = (message: string): CliError => new CliError(exitCodes.refused, message);

/** What to do next, by the code of the refusal. */
export type Advice = { readonly [C in ErrorCode]?: string };

/** Holds wherever a command has nothing more exact to say. */
export const generalAdvice: Advice = {
  UNAUTHENTICATED: "pass --token or set FERMI_TOKEN to the server's admin token",
  FORBIDDEN: "pass such an address with --server, or give the server a FERMI_ADMIN_TOKEN and pass it with --token",
  CLUSTER_UNAVAILABLE: "`fermi pool list` shows what there is; the server's log says why",
  STORE_UNAVAILABLE: "the server's database is away; try again in a moment",
  INTERNAL: "the server's log says what happened",
};
