import { readFile } from "node:fs/promises";
import path from "node:path";
import { repository } from "../support/harness.js";

/** The commands of the README's transcript, each with what it says is printed; before them the one that makes hello.js. */
export async function readTranscript(): Promise<{ command: string; printed: string }[]> {
  const readme = await readFile(path.join(repository, "README.md"), "utf8");
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
