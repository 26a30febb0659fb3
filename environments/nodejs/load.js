/** Turns a function's source text into its handler, whichever module system it is written in. */
import { execFile } from "node:child_process";
import { unlinkSync, writeFileSync } from "node:fs";
import { createRequire, Module } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";
import { folder, headline, isA, LoadError, shown, userStack } from "./errors.js";
import { toHandler } from "./handlers.js";

/** The handler that `entrypoint` (or the default export) names; rejects with a LoadError. */
export async function load(source, entrypoint) {
  const text = source.replace(/^\uFEFF/, "").replace(/^#!/, "//");
  try {
    const exports = await loadModule(text);
    return toHandler(exports, entrypoint);
  } catch (error) {
    throw isA(LoadError, error) ? error : describe(error, text);
  }
}

async function loadModule(text) {
  const commonJs = writeSource("function.cjs", text);
  try {
    return { isCommonJs: true, namespace: runCommonJs(commonJs, compileCommonJs(commonJs, text)) };
  } catch (error) {
    if (!isModuleSyntax(error, commonJs)) throw error;
  }
  unlinkSync(commonJs);
  const module = writeSource("function.mjs", text);
  try {
    return { isCommonJs: false, namespace: await import(pathToFileURL(module).href) };
  } catch (error) {
    throw isSyntaxErrorWithoutPlace(error) ? await locate(error, module) : error;
  }
}

/** HOME is the instance's own folder; in a container with a read-only one, the folder for temporary files. */
function writeSource(name, text) {
  for (const folder of [process.env.HOME, tmpdir()]) {
    const file = path.join(folder ?? "/", name);
    try {
      writeFileSync(file, text);
      return file;
    } catch {
      continue;
    }
  }
  throw new LoadError(
    "there is no folder to keep the function's source in: neither HOME nor the temporary one is writable",
  );
}

const commonJsScope = ["exports", "require", "module", "__filename", "__dirname"];

/** An ES module may declare these names itself. What else about it is no CommonJS tells that it is one; `await` is no help. */
function compileCommonJs(filename, text) {
  try {
    return compile(filename, text, commonJsScope);
  } catch (error) {
    if (commonJsScope.some((name) => error.message === `Identifier '${name}' has already been declared`))
      compile(filename, `(async () => {${text}\n})`, []);
    throw error;
  }
}

function compile(filename, text, scope) {
  return vm.compileFunction(text, scope, {
    filename,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
}

function runCommonJs(filename, compiled) {
  const module = new Module(filename);
  module.filename = filename;
  module.paths = Module._nodeModulePaths(path.dirname(filename));
  const require = createRequire(filename);
  require.cache[filename] = module;
  compiled.call(module.exports, module.exports, require, module, filename, path.dirname(filename));
  module.loaded = true;
  return module.exports;
}

const moduleOnly = [
  "Cannot use import statement outside a module",
  "Unexpected token 'export'",
  "Cannot use 'import.meta' outside a module",
  "await is only valid in async functions and the top level bodies of modules",
  "Unexpected reserved word",
];

/** Whether the text failed to compile as CommonJS only because it is an ES module (what it runs may throw the like too). */
function isModuleSyntax(error, filename) {
  if (!isA(SyntaxError, error) || !error.stack.startsWith(`${filename}:`)) return false;
  return moduleOnly.some((message) => error.message.startsWith(message));
}

const isSyntaxErrorWithoutPlace = (error) => isA(SyntaxError, error) && !/function\.mjs:\d/.test(error.stack);

/** The loader of ES modules does not say where a syntax error is; Node's own check of the file does. */
async function locate(error, filename) {
  const output = await new Promise((resolve) => {
    execFile(process.execPath, ["--check", filename], { timeout: 10_000 }, (_failure, _stdout, stderr) =>
      resolve(stderr),
    );
  });
  const [where] = /^.*function\.mjs:\d+$/m.exec(output) ?? [];
  // With its frames: a stack without any would be shown in brackets.
  if (where !== undefined) error.stack = output.slice(output.indexOf(where)).replace(/\n\nNode\.js v.*\s*$/, "");
  return error;
}

function describe(error, text) {
  if (!isA(Error, error)) return new LoadError(`the code threw ${shown(error)} while it was loaded`);
  const detail = userStack(error);
  const [, name, line] = /(function\.[cm]js):(\d+)/.exec(detail) ?? missingModule(error, text) ?? [];
  const place = name === undefined ? "" : ` (${name}:${line})`;
  return new LoadError(`${headline(error).split("\n")[0].replaceAll(folder(), "")}${place}`, detail);
}

/** Where a module that does not exist is asked for. */
function missingModule(error, text) {
  const [, name] = /^Cannot find (?:package|module) '([^']+)'/.exec(error.message) ?? [];
  const index =
    name === undefined ? -1 : text.split("\n").findIndex((line) => /['"`]/.test(line) && line.includes(name));
  if (index === -1) return undefined;
  return [undefined, /function\.mjs/.test(error.message) ? "function.mjs" : "function.cjs", String(index + 1)];
}
