import { readFile } from "node:fs/promises";
import path from "node:path";
import { repository } from "../support/harness.js";

/** The commands of the README's transcript, each with what it says is printed; before them the one that makes hello.js. */
export async function readTranscript(): Promise<{ command: string; printed: string }[]> {
  const readme = await readReadme();
  const [, file = ""] = /```\n(printf .* > hello\.js)\n```/.exec(readme) ?? [];
  const [, block = ""] = /```\n(\$ fermi env create[\s\S]*?)```/.exec(readme) ?? [];
  const steps = block
    .split(/^\$ /m)
    .slice(1)
    .map((entry) => {
      const [command = "", ...printed] = entry.split("\n");
      return { command, printed: printed.join("\n").trim() };
    });
  return [{ command: file, printed: "" }, ...steps];
}

/** What the README has one type further on, once the transcript is done: calls that nobody waits for, and a timer. */
export async function readFurtherCommands(): Promise<string[]> {
  const readme = await readReadme();
  const [, block = ""] = /## Asynchronously\n[^]*?```\n([^]*?)\n```/.exec(readme) ?? [];
  const [, timer = ""] = /`(fermi timer create [^`]*)`/.exec(readme) ?? [];
  return [...block.split("\n"), timer];
}

const readReadme = (): Promise<string> => readFile(path.join(repository, "README.md"), "utf8");
