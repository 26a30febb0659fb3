/** What the architecture test reads out of documents and of the tree as a whole. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** Names under which anything would fit, and so everything ends up there. */
export const vagueNames = /(^|[/-])(utils?|helpers?|common|misc|shared|impl)([./-]|$)/i;

/** The folders directly under `src/` in the block fenced as ```tree. */
export function readTree(text: string): string[] {
  const block = /```tree\n([\s\S]*?)```/.exec(text)?.[1];
  if (block === undefined) throw new Error("there is no block fenced as ```tree");
  const lines = block.split("\n");
  const start = lines.findIndex((line) => line.startsWith("src/"));
  const inside = lines.slice(start + 1);
  const end = inside.findIndex((line) => !line.startsWith(" "));
  return (end < 0 ? inside : inside.slice(0, end)).flatMap((line) => /^ {2}([a-z-]+)\//.exec(line)?.[1] ?? []);
}

/** The second-level headings that are written like an error code. */
export const headingsOf = (text: string): string[] =>
  [...text.matchAll(/^## ([A-Z_]+)$/gm)].map(([, code]) => code ?? "");

/** The build machine's own steps are the one exception. */
const buildMachine = ".ci/run";
const generated = new Set(["node_modules", "dist", ".git", ".fermi", "coverage"]);
const isText = /\.(ts|tsx|js|jsx|mjs|cjs|json|md|graphql|py|html|css|yaml|yml|sh)$|(^|\/)(run|Dockerfile|LICENSE)$/;

/** Files that name the folder this clone happens to lie in, or a folder beside it: on another machine neither is there. */
export function findForeignPaths(root: string): string[] {
  const here = path.resolve(root);
  const beside = ["..", "shared"].join("/");
  // A clone directly under `/` or in a folder with a common word would find itself everywhere.
  const needles = here.split(path.sep).length > 2 ? [here, beside] : [beside];
  return textFiles(here).filter((file) => {
    if (file === buildMachine) return false;
    const text = readFileSync(path.join(here, file), "utf8");
    return needles.some((needle) => text.includes(needle));
  });
}

function textFiles(root: string, folder = ""): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) return generated.has(entry.name) ? [] : textFiles(root, name);
    return isText.test(name) ? [name] : [];
  });
}

/** The cells of the table between `<!-- name -->` and `<!-- /name -->`, without its head. */
export function tableRows(text: string, name: string): string[][] {
  const [, block = ""] = new RegExp(`<!-- ${name} -->([\\s\\S]*?)<!-- /${name} -->`).exec(text) ?? [];
  const lines = block.split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}
