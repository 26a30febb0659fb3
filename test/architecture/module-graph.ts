/** Reads the sources with the TypeScript parser: who imports whom, and which names of the platform are used. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

/** A source file, named relative to `src/`, with forward slashes. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

export interface Module {
  readonly file: string;
  /** Files of ours, as they are named above; type-only imports count too. */
  readonly imports: readonly string[];
  /** Packages and Node's own modules, without a path inside the package. */
  readonly packages: readonly string[];
  /** `process.env`, `Date.now`, `new Date` (the present moment only), `Math.random`. */
  readonly globals: readonly string[];
}

export function readSources(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .map((name) => ({ file: name.split(path.sep).join("/"), text: readFileSync(path.join(folder, name), "utf8") }));
}

export function parseModule({ file, text }: Source): Module {
  const imports: string[] = [];
  const packages: string[] = [];
  const globals: string[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier?.startsWith(".")) {
      imports.push(path.posix.join(path.posix.dirname(file), specifier).replace(/\.js$/, ".ts"));
    } else if (specifier !== undefined) {
      packages.push(packageName(specifier));
    }
    const used = globalOf(node);
    if (used !== undefined) globals.push(used);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true));
  return { file, imports, packages, globals };
}

/** The text after `from`, in `import()`, or in an `import("…")` type. */
function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return textOf(node.moduleSpecifier);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return textOf(node.argument.literal);
  const isDynamic = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  return isDynamic ? textOf(node.arguments[0]) : undefined;
}

const textOf = (node: ts.Node | undefined): string | undefined =>
  node !== undefined && ts.isStringLiteral(node) ? node.text : undefined;

const packageName = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

const watched = new Set(["process.env", "Date.now", "Math.random"]);

function globalOf(node: ts.Node): string | undefined {
  if (ts.isNewExpression(node) && isNamed(node.expression, "Date") && (node.arguments?.length ?? 0) === 0) {
    return "new Date";
  }
  if (!ts.isPropertyAccessExpression(node) || !ts.isIdentifier(node.expression)) return undefined;
  const name = `${node.expression.text}.${node.name.text}`;
  return watched.has(name) ? name : undefined;
}

const isNamed = (node: ts.Node, name: string): boolean => ts.isIdentifier(node) && node.text === name;

/** The first circle found, its first file repeated at its end; undefined where there is none. */
export function findCycle(modules: readonly Module[]): string[] | undefined {
  const importsOf = new Map(modules.map(({ file, imports }) => [file, imports]));
  const done = new Set<string>();
  const walk = (file: string, trail: readonly string[]): string[] | undefined => {
    const start = trail.indexOf(file);
    if (start >= 0) return [...trail.slice(start), file];
    if (done.has(file)) return undefined;
    for (const next of importsOf.get(file) ?? []) {
      const cycle = walk(next, [...trail, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const { file } of modules) {
    const cycle = walk(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
