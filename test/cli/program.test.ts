import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { fermi, runFermi, throws } from "./run-fermi.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};
const viewed = {
  version: "9.9.9",
  cluster: "local",
  store: "embedded",
  routerUrl: "x",
  startedAt: "2030-01-01T00:00:00Z",
  checks: [],
};

describe("fermi", () => {
  it("hands everything after `serve` to the server, flags too", async () => {
    const given: (readonly string[])[] = [];
    const serve = async (args: readonly string[]): Promise<void> => void given.push(args);
    const { exitCode } = await runFermi(["serve", "--api-port", "0", "--no-examples", "--help"], { serve });
    expect({ exitCode, given }).toEqual({ exitCode: 0, given: [["--api-port", "0", "--no-examples", "--help"]] });
  });

  it.each([
    ["serve --token correct-horse-battery-staple", /^fermi: --token is no setting of `fermi serve`; .* --admin-token/],
    ["--token correct-horse-battery-staple serve", /--admin-token/],
    ["serve --server http://localhost:1 --api-port 0", /^fermi: --server is no .* see `fermi serve --help`/],
    ["serve -n team", /^fermi: --namespace is no /],
    ["migrate -o json --database-url x", /^fermi: --output is no setting of `fermi migrate`/],
  ])("starts no server with flags that would be lost on it: %s", async (line, said) => {
    const start = (): Promise<void> => Promise.reject(new Error("started"));
    const { exitCode, stderr } = await runFermi(line.split(" "), { serve: start, migrate: start });
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(said)]);
    expect(stderr).not.toContain("horse");
  });

  it.each([
    ["nothing", []],
    ["a group alone", ["env"]],
    ["an unknown command", ["bogus"]],
    ["an unknown command of a group", ["env", "bogus"]],
    ["an unknown flag", ["env", "list", "--bogus"]],
    ["an unknown format", ["env", "list", "-o", "xml"]],
    ["too many arguments", ["env", "get", "a", "b"]],
    ["a missing argument", ["invocation", "get"]],
    ["a flag without its value", ["env", "get", "--name"]],
  ])("ends with 2 for %s, and says which help to read", async (_, args) => {
    const { exitCode, stdout, stderr } = await runFermi(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toMatch(/--help/);
  });

  it("names the group's own help where a flag of it is wrong", async () => {
    const { stderr } = await runFermi(["fn", "list", "--bogus"]);
    expect(stderr).toBe("fermi: unknown option '--bogus'; see `fermi function list --help`");
  });

  it.each([["--help"], ["env", "create", "-h"]].map((args) => [args.join(" "), args]))(
    "explains itself: %s",
    async (_, args) => {
      const { exitCode, stdout, stderr } = await runFermi(args as string[]);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(stdout).toContain("--namespace");
    },
  );
});

describe("fermi help", () => {
  it.each([
    ["", "--help"],
    ["env", "env --help"],
    ["fn create", "function create --help"],
    ["httptrigger list", "route list --help"],
    ["help", "help --help"],
  ])("explains as --help does: %j", async (words, flag) => {
    const helped = await runFermi(["help", ...words.split(" ").filter(Boolean)]);
    expect(helped).toEqual(await runFermi(flag.split(" ")));
    expect(helped).toMatchObject({ exitCode: 0, stderr: "", stdout: expect.stringContaining("Usage: fermi") });
  });

  it("lets the server explain itself", async () => {
    const given: (readonly string[])[] = [];
    const server = async (args: readonly string[]): Promise<void> => void given.push(args);
    await runFermi(["help", "serve"], { serve: server });
    await runFermi(["help", "migrate"], { migrate: server });
    expect(given).toEqual([["--help"], ["--help"]]);
  });

  it.each([["bogus"], ["function bogus"], ["version more"]])("knows no %s", async (words) => {
    const { exitCode, stderr } = await runFermi(["help", ...words.split(" ")]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: `fermi: there is no command ${words}; see \`fermi --help\``,
    });
  });
});

describe("fermi version", () => {
  it("tells both versions", async () => {
    expect((await fermi("version", { server: () => viewed })).stdout).toBe(`client ${version}\nserver 9.9.9\n`);
  });

  it("tells its own first where the server tells nothing without a token", async () => {
    const refusing = { server: throws("UNAUTHENTICATED", "Sign in.") };
    const stderr = expect.stringContaining("Sign in; pass --token");
    expect(await fermi("version", refusing)).toMatchObject({ exitCode: 1, stdout: `client ${version}\n`, stderr });
    const json = await fermi("version -o json", refusing);
    expect({ ...json, stdout: JSON.parse(json.stdout) }).toMatchObject({
      ...{ exitCode: 1, stderr },
      stdout: { client: version, server: null },
    });
  });

  it("tells its own without a server, and with --version", async () => {
    const alone = await runFermi(["version", "-o", "json"]);
    expect({ ...alone, stdout: JSON.parse(alone.stdout) }).toMatchObject({
      exitCode: 0,
      stdout: { client: version, server: null },
    });
    expect(await runFermi(["--version"])).toMatchObject({ exitCode: 0, stdout: `${version}\n` });
  });
});

describe("fermi completion", () => {
  /** What bash would offer for the last word. */
  async function complete(...words: string[]): Promise<string[]> {
    const { stdout: script } = await runFermi(["completion", "bash"]);
    const list = words.map((word) => `'${word}'`).join(" ");
    const program = `${script}\nCOMP_WORDS=(fermi ${list}); COMP_CWORD=${words.length}; _fermi; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, status, stderr } = spawnSync("bash", ["-c", program], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return stdout.trim().split("\n");
  }

  it("offers commands, their aliases and flags in bash", async () => {
    expect(await complete("fu")).toEqual(["function"]);
    expect(await complete("fn", "ro")).toEqual(["rollback"]);
    expect(await complete("function", "logs", "hi", "--fol")).toEqual(["--follow"]);
    expect(await complete("route", "--outp")).toEqual(["--output"]);
  });

  it("has a script for zsh and fish that knows every command", async () => {
    for (const name of ["zsh", "fish"]) {
      const { exitCode, stdout } = await runFermi(["completion", name]);
      expect(exitCode).toBe(0);
      for (const word of ["rollback", "httptrigger", "cors-origin"]) expect(stdout).toContain(word);
    }
    expect(await runFermi(["completion", "tcsh"])).toMatchObject({ exitCode: 2 });
  });
});
