import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { functionNode, invocationNode, logNode, page, startFakeApi, type FakeApi } from "./fake-api.js";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const bin = path.join(repository, "bin/fermi.js");
const many = Array.from({ length: 5_000 }, (_, at) => functionNode({ name: `function-${at}` }));
const never = new Promise<never>(() => {});

let api: FakeApi;
beforeAll(async () => {
  api = await startFakeApi({
    functions: (args: never) => page(many, args),
    invocation: () => invocationNode({ status: "RUNNING" }),
    function: () => functionNode(),
    publish: () => ({ id: "m1", deliveries: 1, unreached: [] }),
    logs: (args: { last?: number }) =>
      args.last === undefined
        ? (async function* () {
            yield { logs: logNode(1) };
            await never;
          })()
        : { nodes: [], edges: [], pageInfo: { hasNextPage: false, hasPreviousPage: false } },
  });
});
afterAll(() => api.stop());

const environment = () => ({ PATH: process.env["PATH"], FERMI_SERVER: api.url, FERMI_NAMESPACE: "team" });

/** A line of bash in which `fermi` is the program as it is installed. */
async function bash(line: string) {
  const script = `set -o pipefail; fermi() { "${process.execPath}" "${bin}" "$@"; }; ${line}`;
  const child = spawn("bash", ["-c", script], { env: environment(), stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [exitCode] = (await once(child, "close")) as [number];
  return { exitCode, stdout, stderr };
}

describe("The program fermi", () => {
  it("reads its environment and prints all of a long list", async () => {
    const { exitCode, stdout, stderr } = await bash("fermi function list -o json");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(JSON.parse(stdout)).toHaveLength(many.length);
    expect(api.requests.at(-1)?.variables["namespace"]).toBe("team");
  });

  it("is just fermi, from any folder, with the alias that the README tells", async () => {
    const readme = await readFile(path.join(repository, "README.md"), "utf8");
    const alias = /^.*`(alias fermi=[^`]*)`/m.exec(readme)?.[1] ?? "no alias";
    const lines = ["shopt -s expand_aliases", `cd '${repository}'`, "unset -f fermi", alias, "cd /", "fermi --version"];
    const { exitCode, stdout, stderr } = await bash(lines.join("\n"));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("ends quietly when its reader leaves", async () => {
    const { exitCode, stdout, stderr } = await bash("fermi function list | head -n 2");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout.split("\n")).toHaveLength(3);
  });

  it.each(["function list -o json", "--version", "--help", "completion bash", "serve --help"])(
    "says in one line that the answer can't be written: %s",
    async (line) => {
      const { exitCode, stderr } = await bash(`fermi ${line} > /dev/full`);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 1,
        stderr: "fermi: the answer can't be written: no space is left on the device\n",
      });
    },
  );

  it("ends as it would have where its messages can't be written", async () => {
    expect((await bash("fermi bogus 2> /dev/full")).exitCode).toBe(2);
  });

  it("ends with the code of what went wrong", async () => {
    expect(await bash("fermi bogus")).toMatchObject({ exitCode: 2, stdout: "" });
    expect(await bash("fermi env list --server http://127.0.0.1:1")).toMatchObject({ exitCode: 3, stdout: "" });
    expect(await bash("fermi serve --api-port nonsense")).toMatchObject({ exitCode: 2, stdout: "" });
  });

  it("says for what it waits where it reads from a terminal, and only there", async () => {
    const typed = await bash(
      `printf 'hello\\n\\004' | script -qec "'${process.execPath}' '${bin}' topic publish orders" /dev/null`,
    );
    expect(typed.stdout).toMatch(/fermi: type what is to be sent, and end it with Ctrl-D[^]*message m1 is published/);
    expect(api.requests.at(-1)?.variables).toMatchObject({ body: "hello\n" });
    expect(await bash("echo hello | fermi topic publish orders")).toMatchObject({ exitCode: 0, stderr: "" });
  });

  it("follows logs until Ctrl-C, which is no failure", async () => {
    const child = spawn(process.execPath, [bin, "function", "logs", "hi", "-f"], { env: environment() });
    const [printed] = (await once(child.stdout, "data")) as [Buffer];
    expect(printed.toString()).toContain("line 1");
    child.kill("SIGINT");
    expect(await once(child, "close")).toEqual([0, null]);
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "has seen no end of an invocation where %s ends its watch",
    async (signal) => {
      const child = spawn(process.execPath, [bin, "invocation", "watch", "i1"], { env: environment() });
      await once(child.stdout, "data");
      child.kill(signal);
      // As of a process that does nothing about it: a shell says 130 or 143.
      expect(await once(child, "close")).toEqual([null, signal]);
    },
  );

  it("explains the server's settings without starting it", async () => {
    const { exitCode, stdout } = await bash("fermi serve --help");
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringContaining("--router-port") });
  });
});
