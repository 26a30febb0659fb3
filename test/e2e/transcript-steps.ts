import { readFile } from "node:fs/promises";
import path from "node:path";
import { repository } from "../support/harness.js";

/** The commands of the README's transcript, each with what it says is printed. */
export async function readTranscript(): Promise<{ command: string; printed: string }[]> {
  const readme = await readFile(path.join(repository, "README.md"), "utf8");
  const block = /```\n(\$ fermi env create[\s\S]*?)```/.exec(readme)?.[1] ?? "";
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((entry) => {
      const [command = "", ...printed] = entry.split("\n");
      return { command, printed: printed.join("\n").trim() };
    });
}
