import type { Command } from "commander";
import { systemClock } from "../lib/clock.js";
import { usageError } from "./cli-error.js";
import type { Flags } from "./flags.js";
import { GraphqlClient } from "./graphql-client.js";
import { formatTable, formatValue, type Column, type Format } from "./print.js";
import type { Shell } from "./shell.js";

/** What every command can be given. */
export interface GlobalOptions {
  readonly server: string;
  readonly token: string | null;
  readonly namespace: string;
  readonly output: Format;
}

/** All that a command's work needs: what was asked, whom to ask, where the answer goes. */
export interface Context<Options> {
  readonly shell: Shell;
  readonly api: GraphqlClient;
  readonly namespace: string;
  readonly format: Format;
  readonly options: Options;
  readonly args: readonly string[];
  readonly now: Date;
}

type Work<Options> = (context: Context<Options>) => Promise<void>;

/** A commander action around `work`. `flags` translate what the server refuses. */
export function action<Options>(
  shell: Shell,
  work: Work<Options>,
  flags: Flags = {},
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const command = given.at(-1) as Command;
    const options = command.optsWithGlobals<Options & GlobalOptions>();
    const { namespace, output: format } = options;
    const api = new GraphqlClient({ ...options, flags });
    await work({ shell, api, namespace, format, options, args: command.args, now: systemClock.now() });
  };
}

/** The resource's name, given as an argument or with `--name`. */
export function nameOf({ args, options }: Context<{ name?: string }>): string {
  const name = args[0] ?? options.name;
  if (name === undefined) throw usageError("a name is missing; pass it as an argument or with --name");
  if (options.name !== undefined && options.name !== name)
    throw usageError("two names were given; which one is meant?");
  return name;
}

/** Writes a list in the form that was asked for; says so on stderr where a table would be empty. */
export function printList<Row>(
  { shell, format }: Context<unknown>,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  what: string,
): void {
  if (format !== "table") shell.write(formatValue(rows, format));
  else if (rows.length === 0) shell.tell(`no ${what}`);
  else shell.write(formatTable(rows, columns));
}

/** Writes one thing: as a table of one row, or whole. */
export function printOne<Row>({ shell, format }: Context<unknown>, row: Row, columns: readonly Column<Row>[]): void {
  shell.write(format === "table" ? formatTable([row], columns) : formatValue(row, format));
}

interface Revised {
  readonly revision: number;
}

/** Writes what an update has made of what was there before: a change that made no difference is no update. */
export function printUpdated(
  context: Context<unknown>,
  { before, after }: { readonly before: Revised; readonly after: Revised },
  { what, now }: { readonly what: string; readonly now: string },
): void {
  const isChanged = after.revision !== before.revision;
  printDone(context, after, isChanged ? `${what} updated${now}` : `nothing to change: ${what} is so already${now}`);
}

/** Writes what a change has made: one sentence for people, the thing itself for programs. */
export function printDone({ shell, format }: Context<unknown>, value: unknown, sentence: string): void {
  shell.write(format === "table" ? `${sentence}\n` : formatValue(value, format));
}
