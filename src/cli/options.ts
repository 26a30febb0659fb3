/** Readers of flags. What they refuse is a usage error that says what would be right. */
import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { parse, YAMLParseError } from "yaml";
import { InvalidArgumentError, Option, type Command } from "commander";
import { parseRfc3339 } from "../lib/rfc3339.js";
import { usageError } from "./cli-error.js";
import type { Shell } from "./shell.js";

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("A whole number is needed.");
  return Number(text);
}

/** A list of none is nothing that anybody means. */
export function positiveNumber(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) throw new InvalidArgumentError("A whole number from 1 is needed.");
  return value;
}

export interface Pair {
  readonly name: string;
  readonly value: string;
}

function split(text: string, separator: string): Pair {
  const at = text.indexOf(separator);
  if (at < 1) throw new InvalidArgumentError(`The form is NAME${separator}VALUE.`);
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}

/** `--var A=1 --var B=2`. */
export const variables = (text: string, before: Pair[] | undefined): Pair[] => [...(before ?? []), split(text, "=")];

/** `--header "Accept: text/plain"`. */
export function headers(text: string, before: Pair[] | undefined): Pair[] {
  const { name, value } = split(text, ":");
  return [...(before ?? []), { name: name.trim(), value: value.trim() }];
}

/** A flag that may be repeated, or hold several values separated by commas. */
export const several = (text: string, before: string[] | undefined): string[] => [
  ...(before ?? []),
  ...text.split(",").map((part) => part.trim()),
];

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `10m` before now, or a time as in 2030-01-31T12:00:00Z. */
export function readTime(text: string, now: Date): string {
  const [, amount, unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = amount === undefined ? NaN : now.getTime() - Number(amount) * (unitMs[unit] ?? NaN);
  const at = parseRfc3339(text) ?? new Date(ms);
  if (Number.isNaN(at.getTime())) {
    throw usageError(`${text} is no time: it is 30s, 10m, 2h or 7d ago, or as in 2030-01-31T12:00:00Z`);
  }
  return at.toISOString();
}

const readProblems: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder; one file's text is sent",
  EACCES: "permission is missing",
};

/** The text itself, a file's for `@file`, stdin's for `-` or `@-`. */
export async function readTextArgument(text: string, shell: Shell): Promise<string> {
  if (text === "-") return readText("-", shell);
  return text.startsWith("@") ? readText(text.slice(1), shell) : text;
}

/** A file's text, or stdin's for `-`. */
async function readText(file: string, shell: Shell): Promise<string> {
  const bytes = file === "-" ? await shell.readStdin() : await readBytes(file);
  if (!isUtf8(bytes)) throw usageError(`${file} can't be sent: it is no UTF-8 text`);
  return bytes.toString();
}

/** A file of code, or stdin for `-`, without the byte order mark that editors may put before it. */
export const readSource = async (file: string, shell: Shell): Promise<string> =>
  (await readText(file, shell)).replace(/^\uFEFF/, "");

/** What a file of YAML or JSON says, or stdin for `-`; null for an empty one. */
export async function readYaml(file: string, shell: Shell): Promise<unknown> {
  try {
    return parse(await readText(file, shell)) as unknown;
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw usageError(`${file} is neither YAML nor JSON: ${error.message.split("\n")[0]?.replace(/:$/, "") ?? ""}`);
  }
}

async function readBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown";
    throw usageError(`${file} can't be read: ${readProblems[code] ?? code}`);
  }
}

const asEnum = (text: string): string => text.toUpperCase().replaceAll("-", "_");

/** In small letters too. */
export function choice(flags: string, description: string, values: readonly string[]): Option {
  const option = new Option(flags, description).choices(values);
  const parse = option.parseArg;
  return option.argParser((text: string, before: unknown) => parse?.(asEnum(text), before as never));
}

/** `--labels a=b --no-labels`: the one that comes last would win, and who typed both meant something else. */
export function refuseContradictions(command: Command): Command {
  const names = command.options.map((option) => option.name());
  for (const name of names.filter((one) => names.includes(`no-${one}`))) {
    const given = new Set<string>();
    for (const one of [name, `no-${name}`]) {
      command.on(`option:${one}`, () => {
        if (given.add(one).size > 1) throw usageError(`--${name} and --no-${name} can't both be meant`);
      });
    }
  }
  return command;
}

/** `fermi function get hi` and `fermi function get --name hi` are the same. */
export const named = (command: Command, what = "its name"): Command =>
  command.argument("[name]", what).option("--name <name>", what);

export const listOptions = (command: Command): Command =>
  command
    .option("-A, --all-namespaces", "of every namespace")
    .addOption(new Option("--limit <n>", "at most so many").argParser(positiveNumber));

/** Whether any of these flags was given; a change without one is a mistake worth telling. */
export const isEmpty = (change: object): boolean => Object.values(change).every((value) => value === undefined);
