/** Bundles the playground into dist/: index.html and, under assets/, files whose names carry a hash of their content. */
import { build as bundle } from "esbuild";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, "dist");
const assets = path.join(dist, "assets");

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  target: "es2022",
  outdir: "dist/assets",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".ttf": "file", ".svg": "copy", ".graphql": "text" },
  define: { "process.env.NODE_ENV": '"production"', "process.env.NODE_DEBUG": "undefined" },
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
};

const workerEntries = {
  editor: "monaco-editor/esm/vs/editor/editor.worker.js",
  json: "monaco-editor/esm/vs/language/json/json.worker.js",
  graphql: "monaco-graphql/esm/graphql.worker.js",
};

export async function build() {
  rmSync(assets, { recursive: true, force: true });
  const workers = await buildWorkers();
  const page = await bundle({
    ...common,
    entryPoints: { playground: "src/main.tsx", icon: "src/icon.svg" },
    define: { ...common.define, WORKERS: JSON.stringify(workers) },
    format: "esm",
    splitting: true,
    jsx: "automatic",
  });
  removeSpareStyles(page.metafile);
  compressAssets();
  writePage(page.metafile);
  return page.metafile;
}

/** Workers are classic scripts, each of one file: every browser starts those, also under a strict policy. */
async function buildWorkers() {
  const { metafile } = await bundle({ ...common, entryPoints: workerEntries, format: "iife" });
  const named = Object.entries(metafile.outputs).map(([file, { entryPoint }]) => [
    Object.keys(workerEntries).find((name) => entryPoint?.endsWith(workerEntries[name])),
    `./${path.basename(file)}`,
  ]);
  return Object.fromEntries(named);
}

/** The page's style sheet holds all styles; those made beside it for chunks that load later are never asked for. */
function removeSpareStyles({ outputs }) {
  const { cssBundle } = outputs[scriptOf(outputs)];
  const spare = Object.keys(outputs).filter((file) => file.endsWith(".css") && file !== cssBundle);
  for (const file of spare) rmSync(path.join(here, file));
}

const scriptOf = (outputs) => Object.keys(outputs).find((file) => outputs[file].entryPoint === "src/main.tsx");

/** A third of the size for those who are not on the same machine. */
function compressAssets() {
  for (const file of readdirSync(assets).filter((name) => !name.endsWith(".ttf"))) {
    const content = readFileSync(path.join(assets, file));
    writeFileSync(path.join(assets, `${file}.gz`), gzipSync(content));
  }
}

/** Written last and at once, so that whoever serves the folder never sees a page without its files. */
function writePage({ outputs }) {
  const script = scriptOf(outputs);
  const icon = Object.keys(outputs).find((file) => file.endsWith(".svg"));
  const names = { script, style: outputs[script].cssBundle, icon };
  const page = readFileSync(path.join(here, "src", "index.html"), "utf8").replace(
    /\{\{(\w+)\}\}/g,
    (_, name) => `assets/${path.basename(names[name])}`,
  );
  mkdirSync(dist, { recursive: true });
  writeFileSync(path.join(dist, "index.html.new"), page);
  renameSync(path.join(dist, "index.html.new"), path.join(dist, "index.html"));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await build();
