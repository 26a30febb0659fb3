import type { Command } from "commander";
import { refused } from "../cli-error.js";
import { action, nameOf, type Context } from "../context.js";
import { recordFlags } from "../flags.js";
import { followLogs, laterLogs, tailLogs, type LogNode } from "../operations/log.operations.js";
import { named, readTime, wholeNumber } from "../options.js";
import { readList } from "../paging.js";
import { formatValue } from "../print.js";
import type { Shell } from "../shell.js";
import { noFunction } from "./function.js";

interface LogOptions {
  readonly name?: string;
  readonly follow?: boolean;
  readonly tail: number;
  readonly since?: string;
  readonly invocation?: string;
}

/** The largest page, and the longest tail of a subscription, that the server gives. */
const pageSize = 200;

async function logs(context: Context<LogOptions>): Promise<void> {
  const { namespace, options, now } = context;
  const name = nameOf(context);
  const filter = {
    namespace,
    function: name,
    invocationId: options.invocation,
    since: options.since === undefined ? undefined : readTime(options.since, now),
  };
  // A subscription brings the last page with it; only what is older has to be read for it.
  const isRead = options.follow !== true || options.tail > pageSize;
  const read = await readTail(context, name, filter, isRead ? options.tail : 0);
  for (const line of read.lines) writeLine(context, line);
  if (read.lines.length === 0 && options.follow !== true) tellNone(context, name);
  if (options.follow === true) await follow(context, filter, isRead ? read : undefined);
}

interface ReadTail {
  readonly lines: readonly LogNode[];
  /** The last line's cursor; null where there is none. */
  readonly end: string | null;
}

/** The last `count` lines, oldest first; refuses a function of which nothing is known. */
async function readTail(
  { api, namespace }: Context<unknown>,
  name: string,
  filter: object,
  count: number,
): Promise<ReadTail> {
  const advice = { NOT_FOUND: `\`fermi function list -n ${namespace}\` shows those there are` };
  let lines: LogNode[] = [];
  let before: string | null = null;
  let end: string | null = null;
  do {
    const last = Math.max(1, Math.min(pageSize, count - lines.length));
    const answer: Awaited<ReturnType<typeof ask>> = await ask(last, before);
    if (answer.function === null && answer.logs.nodes.length === 0) throw refused(noFunction(name, namespace));
    lines = [...answer.logs.nodes, ...lines];
    end ??= answer.logs.pageInfo.endCursor;
    before = answer.logs.pageInfo.hasPreviousPage ? answer.logs.pageInfo.startCursor : null;
  } while (before !== null && lines.length < count);
  return { lines: count === 0 ? [] : lines, end };

  function ask(last: number, from: string | null) {
    return api.request(tailLogs, { name, namespace, filter, last, before: from }, { advice });
  }
}

/** For people only: a program sees that there is nothing. */
function tellNone({ shell, format, options }: Context<LogOptions>, name: string): void {
  const isNarrowed = options.since !== undefined || options.invocation !== undefined || options.tail === 0;
  if (format === "table") shell.tell(`no lines of ${name}${isNarrowed ? " that match" : " yet"}`);
}

/** One subscription gives the tail and what comes after it, so no line is missed or printed twice between the two. */
async function follow(context: Context<LogOptions>, filter: object, read: ReadTail | undefined): Promise<void> {
  const { api, shell, options } = context;
  const signal = shell.untilInterrupted();
  const tail = Math.min(options.tail, pageSize);
  const printed = new Set(read?.lines.map(({ id }) => id));
  let isJoined = read === undefined;
  for await (const { logs: line } of api.subscribe(followLogs, { filter, tail }, signal)) {
    if (printed.has(line.id)) isJoined = true;
    else {
      if (!isJoined) await printBetween(context, filter, read?.end ?? null, line);
      isJoined = true;
      writeLine(context, line);
    }
  }
}

/** What was printed since the tail was read, where that is more than the subscription brings along. */
async function printBetween(
  context: Context<LogOptions>,
  filter: object,
  end: string | null,
  first: LogNode,
): Promise<void> {
  const page = async (most: number, after: string | null) =>
    (await context.api.request(laterLogs, { filter, first: most, after })).logs;
  for await (const line of readList(page, Infinity, end)) {
    if (line.id === first.id) return;
    writeLine(context, line);
  }
}

/** JSON is one object a line, so that it can be read while it is being written. */
function writeLine({ shell, format }: Context<unknown>, line: LogNode): void {
  if (format === "json") shell.write(`${JSON.stringify(line)}\n`);
  else if (format === "yaml") shell.write(`---\n${formatValue(line, format)}`);
  else shell.write(`${line.at}  ${line.stream.toLowerCase().padEnd(6)}  ${line.message}\n`);
}

export function addFunctionLogCommand(group: Command, shell: Shell): void {
  named(group.command("logs"))
    .description("print what a function has printed")
    .option("-f, --follow", "go on with what it prints from now on, until Ctrl-C")
    .option("--tail <n>", "so many of the last lines", wholeNumber, 100)
    .option("--since <time>", "lines since then: 10m ago, or a time")
    .option("--invocation <id>", "lines of one invocation")
    .action(action(shell, logs, recordFlags));
}
