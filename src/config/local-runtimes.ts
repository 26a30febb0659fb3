/** FERMI_LOCAL_RUNTIMES: which commands run in place of which images where there is no Kubernetes. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { SettingError } from "./parse-setting.js";

export interface LocalRuntime {
  /** Without tag and digest it stands for the image with any. */
  readonly image: string;
  readonly contracts: readonly Contract[];
  readonly command: readonly [string, ...string[]];
}

const contracts = ["FERMI", "FISSION_V1", "FISSION_V2"] as const;
type Contract = (typeof contracts)[number];

/** Reads the file; `{dir}` in its commands becomes the folder that it lies in. */
export function localRuntimes(file: string): readonly LocalRuntime[] {
  const value = readJson(file);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong("must be a JSON object of images");
  const dir = path.dirname(path.resolve(file));
  return Object.entries(value).map(([image, entry]) => ({ image, ...readEntry(image, Object(entry) as Entry, dir) }));
}

interface Entry {
  readonly command?: unknown;
  readonly contracts?: unknown;
}

function readEntry(image: string, { command, contracts: spoken }: Entry, dir: string): Omit<LocalRuntime, "image"> {
  if (!isTexts(command)) throw wrong(`lacks a command for ${image}: a list of program and arguments`);
  if (!isTexts(spoken) || !spoken.every(isContract)) {
    throw wrong(`lacks contracts for ${image}: a list of ${contracts.join(", ")}`);
  }
  const [program, ...args] = command.map((text) => text.replaceAll("{dir}", dir)) as [string, ...string[]];
  return { contracts: spoken, command: [program, ...args] };
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.every((text) => typeof text === "string");

const isContract = (text: string): text is Contract => contracts.some((contract) => contract === text);

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as unknown;
  } catch (error) {
    throw wrong(error instanceof SyntaxError ? "must be JSON" : "can't be read");
  }
}

const wrong = (what: string): SettingError => new SettingError(`names a file that ${what}`);
