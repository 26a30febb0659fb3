import path from "node:path";
import { portsOf } from "../config/contradictions.js";
import type { Config } from "../config/settings.js";
import { AppError } from "../errors/app-error.js";
import { outOfFiles } from "../lib/open-files.js";
import { ReadyFileProblem } from "./ready-file.js";

type SystemError = NodeJS.ErrnoException & { readonly port?: number };

/** One line for a person, about what kept the server from starting; undefined where it is a bug that wants its stack. */
export function startProblem(error: unknown, config: Config): string | undefined {
  const shortage = outOfFiles(error);
  if (shortage !== undefined) return shortage;
  if (error instanceof StoreProblem)
    return `the database of DATABASE_URL (${error.place}) can't be used: ${error.message}`;
  if (error instanceof AppError) return [error.message, reasonOf(error.cause)].filter(Boolean).join(": ");
  if (error instanceof ReadyFileProblem) return error.message;
  return (
    hostProblem(error as SystemError, config) ??
    portProblem(error as SystemError, config) ??
    folderProblem(error as SystemError)
  );
}

/** The configured database refuses; the message is the database's or the network's own and names no password. */
export class StoreProblem extends Error {
  constructor(
    readonly place: string,
    cause: unknown,
  ) {
    super(reasonOf(cause) ?? "no reason is known", { cause });
    this.name = "StoreProblem";
  }
}

/** The innermost message: wrappers only say that something failed. */
export function reasonOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const inner = reasonOf(error.cause) ?? (error instanceof AggregateError ? reasonOf(error.errors[0]) : undefined);
  return inner ?? (error.message === "" ? (error as SystemError).code : error.message);
}

const hostProblem = ({ code, syscall }: SystemError, { host }: Config): string | undefined =>
  syscall === "getaddrinfo" ? `FERMI_HOST is ${host}, of which no address is found (${code})` : undefined;

function portProblem(error: SystemError, config: Config): string | undefined {
  const problems: Record<string, string> = {
    EADDRINUSE: "is in use; stop what listens there, or choose another one",
    EACCES: "may not be used by this user; choose one above 1023",
    EADDRNOTAVAIL: "can't be used: the address is none of this machine's; set FERMI_HOST",
  };
  const problem = problems[error.code ?? ""];
  if (error.syscall !== "listen" || problem === undefined) return undefined;
  const [setting] = portsOf(config).find(([, port]) => port === error.port) ?? [];
  return `port ${error.port} of ${config.host} ${problem}${setting === undefined ? "" : ` (${setting})`}`;
}

const inTheWay = "there is a file in the way";

/** Whether what is told is the path itself, or the folder in which nothing can be made. */
const folderProblems: Readonly<Record<string, readonly [where: "path" | "folder", problem: string]>> = {
  EEXIST: ["path", inTheWay],
  ENOTDIR: ["path", inTheWay],
  EACCES: ["folder", "this user may not write there"],
  EPERM: ["folder", "this user may not write there"],
  ENOENT: ["folder", "no folder can be made there"],
  EROFS: ["folder", "the file system is read-only"],
  ENOSPC: ["folder", "the disk is full"],
};

function folderProblem({ code, path: at, syscall }: SystemError): string | undefined {
  const [where, problem] = folderProblems[code ?? ""] ?? [];
  if (problem === undefined || at === undefined) return undefined;
  // A file or a program that is missing is another matter.
  if (code === "ENOENT" && syscall !== "mkdir") return undefined;
  const place = where === "path" ? at : path.dirname(at);
  return `the data folder can't be used: ${place}: ${problem}; set FERMI_DATA_DIR to another folder`;
}

/** Without user and password. */
export function placeOf(databaseUrl: string): string {
  const { host, pathname } = new URL(databaseUrl);
  return `${host}${pathname}`;
}
