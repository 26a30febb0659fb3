import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { errorCodes } from "../src/errors/codes.js";
import { settings } from "../src/config/settings.js";
import { arrows, findViolations, reserved } from "./architecture/rules.js";
import { findCycle, parseModule, readSources } from "./architecture/module-graph.js";
import { faultRows, testTitles } from "./architecture/fault-titles.js";
import { findForeignPaths, headingsOf, readTree, tableRows, vagueNames } from "./architecture/documents.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (name: string): string => readFileSync(path.join(root, name), "utf8");
const modules = readSources(path.join(root, "src")).map(parseModule);
const module = (file: string, text: string) => parseModule({ file, text });

describe("The sources", () => {
  it("import along the arrows only", () => {
    expect(modules.length).toBeGreaterThan(50);
    expect(findViolations(modules)).toEqual([]);
  });

  it("have no circles, type-only imports counted", () => {
    expect(findCycle(modules)).toBeUndefined();
  });

  it("import only files that exist", () => {
    const files = new Set(modules.map(({ file }) => file));
    const missing = modules.flatMap(({ file, imports }) =>
      imports.filter((to) => !files.has(to)).map((to) => [file, to]),
    );
    expect(missing).toEqual([]);
  });

  it("have a line in the table of arrows for each folder", () => {
    const folders = readdirSync(path.join(root, "src"));
    expect(folders.filter((name) => !Object.hasOwn(arrows, name))).toEqual([]);
  });

  it("have names that say something", () => {
    expect(modules.map(({ file }) => file).filter((file) => vagueNames.test(file))).toEqual([]);
  });
});

describe("The rules themselves", () => {
  it.each([
    ["a forbidden arrow", "router/a.ts", `import { x } from "../store/x.js";`, "router may not import store"],
    ["a type-only arrow", "model/a.ts", `import type { X } from "../errors/x.js";`, "model may not import errors"],
    ["a re-export", "lib/a.ts", `export { x } from "../model/x.js";`, "lib may not import model"],
    ["an import type", "lib/a.ts", `type X = import("../model/x.js").X;`, "lib may not import model"],
    ["a dynamic import", "services/a.ts", `await import("../store/x.js");`, "services may not import store"],
    ["a driver", "poolmgr/a.ts", `import { x } from "../cluster/local/x.js";`, "poolmgr may not import a driver"],
    ["a folder without a rule", "extras/a.ts", `import { x } from "../lib/x.js";`, "no line in the table"],
    ["a path out of src", "lib/a.ts", `import { x } from "../../test/x.js";`, "reaches out of src/"],
    ["a reserved package", "services/a.ts", `import { In } from "typeorm";`, "may not use typeorm"],
    ["a path of a reserved package", "lib/a.ts", `import x from "pg/lib/x.js";`, "may not use pg"],
    ["the environment", "router/a.ts", `const home = process.env["HOME"];`, "may not use process.env"],
    ["the environment by import", "config/a.ts", `import { env } from "node:process";`, "may not use node:process"],
    ["the time", "poolmgr/a.ts", `const at = Date.now();`, "may not use Date.now"],
    ["the date", "cli/a.ts", `const at = new Date();`, "may not use new Date"],
    ["chance", "router/a.ts", `const x = Math.random();`, "may not use Math.random"],
  ])("find %s", (_, file, text, message) => {
    expect(findViolations([module(file, text)])).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    ["router/a.ts", `import { x } from "./b.js"; import { y } from "../lib/y.js"; import httpProxy from "http-proxy";`],
    ["poolmgr/a.ts", `import type { ClusterDriver } from "../cluster/cluster-driver.js";`],
    ["services/a.ts", `const at = new Date("2020-01-01");`],
    ["app/a.ts", `import { x } from "../cluster/local/x.js"; const at = new Date();`],
  ])("let %s be", (file, text) => {
    expect(findViolations([module(file, text)])).toEqual([]);
  });

  it("find a circle through types", () => {
    const circle = [
      module("lib/a.ts", `import type { B } from "./b.js";`),
      module("lib/b.ts", `export * from "./c.js";`),
      module("lib/c.ts", `import { a } from "./a.js";`),
    ];
    expect(findCycle(circle)).toEqual(["lib/a.ts", "lib/b.ts", "lib/c.ts", "lib/a.ts"]);
    expect(findCycle(circle.slice(0, 2))).toBeUndefined();
  });

  it("reserve nothing for a folder without a rule", () => {
    const folders = Object.values(reserved).flatMap((names) => names.map((name) => name.split("/")[0] ?? ""));
    expect(folders.filter((folder) => !Object.hasOwn(arrows, folder))).toEqual([]);
  });
});

describe("The documents", () => {
  it("show the tree as it is", () => {
    const folders = readdirSync(path.join(root, "src"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    expect(readTree(read("ARCHITECTURE.md")).sort()).toEqual(folders.sort());
  });

  it("explain every error code, and none that is not there", () => {
    expect(headingsOf(read("docs/errors.md")).sort()).toEqual(Object.keys(errorCodes).sort());
  });

  it("list every fault that is tested, and none that is not", () => {
    const files = readdirSync(path.join(root, "test/faults")).filter((name) => name.endsWith(".test.ts"));
    const titles = files.flatMap((name) => testTitles(read(`test/faults/${name}`)));
    expect(titles.length).toBeGreaterThan(30);
    expect(faultRows(read("docs/faults.md")).sort()).toEqual(titles.sort());
  });

  it("list every setting as the program reads it", () => {
    const rows = Object.values(settings).map(({ env, flag, defaultText, description }) => [
      `\`${env}\``,
      `\`${flag}\``,
      defaultText ? `\`${defaultText}\`` : "",
      description,
    ]);
    expect(tableRows(read("README.md"), "settings")).toEqual(rows);
  });

  it("and all other files know nothing beyond this folder", () => {
    expect(findForeignPaths(root)).toEqual([]);
  });

  it("name packages of the public registry only", () => {
    const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, { resolved?: string }> };
    const hosts = Object.values(lock.packages).flatMap(({ resolved }) => (resolved ? [new URL(resolved).host] : []));
    expect(hosts.filter((host) => host !== "registry.npmjs.org")).toEqual([]);
  });
});

describe("Reading documents", () => {
  it("finds the folders of src in a drawn tree", () => {
    const text =
      "text\n```tree\nsrc/\n  main.ts   argv\n  lib/      timers\n  cluster/  port\n    local/  processes\ntest/\n  api/\n```\n";
    expect(readTree(text)).toEqual(["lib", "cluster"]);
    expect(() => readTree("no tree")).toThrow("tree");
  });

  it("finds the titles of tests, with those of their variants", () => {
    const source = `describe("All", () => {
  describe.each(ways)("leaves (%s)", () => {
    it("early: gone", () => {});
  });
  it.each([["a", f(1)]])("%s is refused", () => {});
  itWithFiles("many", () => {});
`;
    expect(testTitles(source)).toEqual(["leaves … early: gone", "… is refused", "many"]);
    const page =
      "| no | x |\n<!-- faults -->\n| fault | x |\n| --- | --- |\n| many | y |\n<!-- /faults -->\n| no | x |";
    expect(faultRows(page)).toEqual(["many"]);
  });

  it("finds headings that are codes", () => {
    expect(headingsOf("# Errors\n## NOT_FOUND\ntext\n### Not this\n## IN_USE\n")).toEqual(["NOT_FOUND", "IN_USE"]);
  });
});
