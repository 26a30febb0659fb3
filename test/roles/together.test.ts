/** All roles apart: what a user does works across processes, and strangers are refused. */
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readTranscript } from "../e2e/transcript-steps.js";
import { eventually, repository, temporaryFolder } from "../support/harness.js";
import { Installation } from "./support/installation.js";

const run = promisify(execFile);

describe("roles in processes of their own", () => {
  let fermi: Installation;
  let folder: string;
  beforeAll(async () => {
    fermi = await Installation.start();
    folder = await temporaryFolder();
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
    await rm(folder, { recursive: true });
  }, 60_000);

  async function shell(command: string): Promise<string> {
    const line = command
      .replace(/^fermi /, `"${process.execPath}" "${path.join(repository, "bin/fermi.js")}" `)
      .replace("http://localhost:31314", fermi.one("router", 1).url);
    const env = { PATH: process.env["PATH"], HOME: folder, FERMI_SERVER: fermi.apiUrl };
    const { stdout } = await run("/bin/sh", ["-c", line], { cwd: folder, env, timeout: 60_000 });
    return stdout;
  }

  it("do together what the README's transcript says", async () => {
    for (const { command, printed } of await readTranscript()) {
      const output = await shell(command);
      if (printed !== "") expect(output.trim()).toBe(printed);
    }
  }, 90_000);

  it("serve one function through every router, and through the API", async () => {
    for (const router of fermi.all("router")) {
      expect(await (await fetch(`${router.url}/hi`)).text()).toBe("Hello, world!\n");
    }
    const { invokeFunction } = await fermi.ok<{ invokeFunction: { result: { body: string } } }>(
      `mutation { invokeFunction(input: {function: "hi"}) { result { body } } }`,
    );
    expect(invokeFunction.result.body).toBe("Hello, world!\n");
    await eventually(async () => {
      const { function: fn } = await fermi.ok<{ function: { stats: { total: number } } }>(
        `{ function(name: "hi") { stats { total } } }`,
      );
      expect(fn.stats.total).toBeGreaterThanOrEqual(4);
    });
  }, 60_000);

  it("show through the API what the pool manager that leads has", async () => {
    await eventually(async () => {
      const { pools, function: fn } = await fermi.ok<{
        pools: { warm: number; instances: { state: string; functionVersion: number | null }[] }[];
        function: { currentVersion: { number: number } };
      }>(`{ pools { warm instances { state functionVersion } } function(name: "hi") { currentVersion { number } } }`);
      const instances = pools.flatMap((pool) => pool.instances);
      expect(pools.reduce((sum, { warm }) => sum + warm, 0)).toBeGreaterThan(0);
      expect(instances).toContainEqual({ state: "READY", functionVersion: fn.currentVersion.number });
    });
  }, 30_000);

  it("have taken up a change, all of them, when it is answered", async () => {
    for (let at = 0; at < 20; at++) {
      const route = `mutation($path: String!) { createHttpTrigger(input: {function: "hi", path: $path}) { id } }`;
      await fermi.ok(route, { path: `/again-${at}` });
      for (const router of fermi.all("router")) expect((await fetch(`${router.url}/again-${at}`)).status).toBe(200);
    }
  }, 30_000);

  it("find all well with each other", async () => {
    // Each tells how it is, and whether it leads, every five seconds.
    const server = await eventually(async () => {
      const { server: told } = await fermi.ok<{
        server: { processes: { roles: string[]; leads: string[] }[]; checks: { name: string; ok: boolean }[] };
      }>("{ server { processes { roles leads } checks { name ok message } } }");
      expect(told.checks.filter(({ ok }) => !ok)).toEqual([]);
      expect(told.processes.flatMap(({ leads }) => leads).sort()).toEqual(["poolmgr", "triggers"]);
      return told;
    }, 15_000);
    const names = server.checks.map(({ name }) => name);
    for (const name of ["store", "migrations", "role router", "role poolmgr", "role triggers"]) {
      expect(names).toContain(name);
    }
    expect(server.processes.map(({ roles }) => roles[0]).sort()).toEqual(
      ["api", "poolmgr", "poolmgr", "router", "router", "triggers"].sort(),
    );
    expect(await shell("fermi check")).toMatch(/^CHECK +STATUS +MESSAGE\n/);
  }, 60_000);

  it("answer for their health, each on its own port", async () => {
    for (const process of fermi.processes) {
      expect((await process.health("healthz"))[0]).toBe(200);
      expect((await process.health("readyz"))[0]).toBe(200);
      const [status, text] = await process.health("metrics");
      expect([status, text]).toEqual([200, expect.stringContaining("process_cpu_seconds_total")]);
    }
  }, 30_000);

  it("tell a function of another process that its asynchronous invocation is cancelled, and free its slot then", async () => {
    const source = `export default async ({ request, signal }) => {
      if (request.path === "/next") return "next";
      console.log("begun");
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      console.log("told");
    };`;
    await fermi.ok(
      `mutation ($source: String!) {
        createFunction(input: {
          name: "patient", environment: "node", source: $source, settings: { maxInstances: 1, timeoutSeconds: 300 }
        }) { id }
      }`,
      { source },
    );
    const { enqueueInvocation: enqueued } = await fermi.ok<{ enqueueInvocation: { id: string } }>(
      `mutation { enqueueInvocation(input: { function: "patient" }) { id } }`,
    );
    const { id } = enqueued;
    const logged = (text: string): Promise<void> =>
      eventually(async () => {
        const { invocation } = await fermi.ok<{ invocation: { logs: { nodes: { message: string }[] } } }>(
          `query ($id: ID!) { invocation(id: $id) { logs { nodes { message } } } }`,
          { id },
        );
        expect(invocation.logs.nodes.map(({ message }) => message)).toContain(text);
      }, 20_000);
    await logged("begun");
    await fermi.ok(`mutation ($id: ID!) { cancelInvocation(id: $id) { status } }`, { id });
    const { invokeFunction: next } = await fermi.ok<{ invokeFunction: { result: { body: string } } }>(
      `mutation { invokeFunction(input: { function: "patient", path: "/next" }) { result { body } } }`,
    );
    expect(next.result.body).toBe("next");
    await logged("told");
  }, 60_000);

  it("refuse a process of another installation", async () => {
    const stranger = await fermi.add("router");
    await stranger.start({ FERMI_INTERNAL_SECRET: "another secret of 32 characters.".repeat(2).replaceAll(" ", "-") });
    await stranger.ready();
    await eventually(() => expect(stranger.output()).toMatch(/FERMI_INTERNAL_SECRET.*no stream to the pool manager/));
    const request = fetch(`${stranger.url}/hi`, { signal: AbortSignal.timeout(1_500) });
    await expect(request).rejects.toThrow(/timeout/);
    const { headers } = await fetch(`${fermi.routerUrl}/-/invoke`, { method: "POST" });
    expect(headers.get("x-fermi-error")).toBe("ROUTE_NOT_FOUND");
    expect(await stranger.end()).toBe(0);
  }, 60_000);

  it("end with 0 when they are asked to, and leave no instance behind", async () => {
    const codes = await Promise.all(fermi.processes.map(async (process) => [process.role, await process.end()]));
    expect(codes.filter(([, code]) => code !== 0)).toEqual([]);
    const { stdout } = await run("ps", ["axeww", "-o", "pid=,args="], { maxBuffer: 1 << 26 });
    const left = stdout.split("\n").filter((line) => fermi.folders.some((used) => line.includes(used)));
    expect(left.filter((line) => !line.includes("ps axeww"))).toEqual([]);
  }, 60_000);
});
