import { afterEach, describe, expect, it } from "@jest/globals";
import { execFileSync } from "node:child_process";
import { access, readdir, rm } from "node:fs/promises";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { eventually, launch, startFermi, temporaryFolder, type Fermi } from "../support/harness.js";
import { deploy } from "./support.js";

const hello = `module.exports = async () => ({ status: 200, body: "hello" });`;

/** Processes that carry the folder in their command line or environment: what a run left behind. */
function processesOf(folder: string): string[] {
  const lines = execFileSync("ps", ["axeww", "-o", "pid=,args="], { encoding: "utf8", maxBuffer: 1 << 26 }).split("\n");
  return lines.filter((line) => line.includes(folder) && !line.includes("ps axeww") && !line.includes("jest"));
}

/** Has a process say that it listens for Ctrl-C from now on. */
const sayWhatIsHeeded = `process.on("newListener", (name) => name === "SIGINT" && console.error("signals are heeded"));`;

interface Moment {
  readonly program?: readonly [string, ...string[]];
  /** Throws until it has come. */
  reached(folder: string, output: string): Promise<void> | void;
}

/** Of a start that a stop comes into, in their order; the first finds an empty folder. */
const moments: Readonly<Record<string, Moment>> = {
  "npm start has just begun": {
    program: ["scripts/start.mjs"],
    reached: (_folder, output) => expect(output).toContain("signals are heeded"),
  },
  "the database of a first start comes up": { reached: (folder) => access(`${folder}/postgres/postmaster.pid`) },
  "the pools are managed": { reached: (_folder, output) => expect(output).toContain("this process leads") },
};

describe("the life of the server", () => {
  let dataDir: string | undefined;
  const running: Fermi[] = [];
  const start = async (env: Record<string, string> = {}): Promise<Fermi> => {
    dataDir ??= await temporaryFolder();
    const fermi = await startFermi({ dataDir, env });
    running.push(fermi);
    return fermi;
  };
  afterEach(async () => {
    for (const fermi of running.splice(0)) await fermi.kill();
    if (dataDir !== undefined) await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    dataDir = undefined;
  });

  it("gives an empty store a function that answers at once", async () => {
    const fermi = await start({ FERMI_EXAMPLES: "true" });
    const response = await fetch(`${fermi.routerUrl}/hello`);
    expect([response.status, await response.text()]).toEqual([200, "Hello, world!\n"]);
    expect(fermi.output()).toContain(fermi.apiUrl);
    expect(fermi.output()).toContain(fermi.routerUrl);
  }, 60_000);

  it("keeps everything over a restart", async () => {
    const first = await start();
    await deploy(first, "kept", hello);
    expect(await first.stop()).toBe(0);
    const second = await start();
    const response = await fetch(`${second.routerUrl}/kept`);
    expect(await response.text()).toBe("hello");
  }, 90_000);

  it("leaves nothing behind when it is stopped, and warns of nothing", async () => {
    const fermi = await start();
    expect(await (await fetch(await deploy(fermi, "one", hello))).text()).toBe("hello");
    expect(processesOf(fermi.dataDir)).not.toEqual([]);
    expect(await fermi.stop()).toBe(0);
    await eventually(() => expect(processesOf(fermi.dataDir)).toEqual([]));
    expect(fermi.output()).not.toMatch(/"level":"(warn|error)"/);
  }, 60_000);

  it("stops as asked also while it starts, and leaves nothing behind", async () => {
    dataDir = await temporaryFolder();
    const folder = dataDir;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(sayWhatIsHeeded)}` };
    for (const [moment, { program, reached }] of Object.entries(moments)) {
      const { child, output } = launch({ env, ...(program && { program }) }, folder);
      const exit = once(child, "exit");
      await eventually(() => reached(folder, output()), 60_000, 5);
      child.kill("SIGINT");
      expect([moment, ...(await exit)]).toEqual([moment, 0, null]);
      expect(output()).not.toMatch(/"level":"(warn|error)"|^fermi: /m);
      await eventually(() => expect(processesOf(folder)).toEqual([]));
    }
  }, 90_000);

  it("leaves nothing behind when it is killed under load, and recovers by itself", async () => {
    const first = await start();
    const url = await deploy(first, "loaded", hello, { requestsPerInstance: 5 });
    const stuck = await deploy(first, "stuck", `module.exports = () => { for (;;); };`);
    void fetch(stuck).catch(() => undefined);
    const load = Array.from({ length: 200 }, () =>
      fetch(url).then(
        (answer) => answer.status,
        () => 0,
      ),
    );
    await Promise.race(load);
    await first.kill();
    await Promise.all(load);
    await eventually(() => expect(processesOf(first.dataDir)).toEqual([]));

    const second = await start();
    const { functions } = await second.ok<{
      functions: { nodes: { name: string; currentVersion: { digest: string } }[] };
    }>(`{ functions { nodes { name currentVersion { digest } } } }`);
    expect(functions.nodes.map(({ name }) => name)).toEqual(["loaded", "stuck"]);
    expect((await fetch(`${second.routerUrl}/loaded`)).status).toBe(200);
  }, 90_000);

  it("refuses a second server on the same data, says so, and leaves the ready file of the first", async () => {
    const fermi = await start();
    const isReadyFile = (name: string): boolean => name.startsWith("ready-");
    const [name = ""] = (await readdir(fermi.dataDir)).filter(isReadyFile);
    const { child, output } = launch({ args: ["--ready-file", `${fermi.dataDir}/${name}`] }, fermi.dataDir);
    const [code] = (await once(child, "exit")) as [number];
    expect((await readdir(fermi.dataDir)).filter(isReadyFile)).toEqual([name]);
    expect(code).not.toBe(0);
    expect(output()).toMatch(/another .*(process|server|Fermi).*/i);
    expect((await fermi.gql("{ server { version } }")).errors).toBeUndefined();
  }, 60_000);

  it("lets requests in flight finish when it is asked to stop", async () => {
    const fermi = await start();
    const url = await deploy(
      fermi,
      "slow",
      `module.exports = async () => { await new Promise((done) => setTimeout(done, 6000)); return { status: 200, body: "finished" }; };`,
      { requestsPerInstance: 10 },
    );
    const routed = Array.from({ length: 4 }, async () => (await fetch(url)).text());
    const invoke = `mutation { invokeFunction(input: { function: "slow" }) { result { body } } }`;
    const invoked = fermi.ok<{ invokeFunction: { result: { body: string } } }>(invoke);
    const inFlight = [...routed, invoked.then(({ invokeFunction }) => invokeFunction.result.body)];
    await eventually(async () => {
      const { pools } = await fermi.ok<{ pools: { instances: { inFlight: number }[] }[] }>(
        "{ pools { instances { inFlight } } }",
      );
      const busy = pools.flatMap((pool) => pool.instances).reduce((sum, instance) => sum + instance.inFlight, 0);
      expect(busy).toBe(5);
    });
    const stopped = fermi.stop();
    expect(await Promise.all(inFlight)).toEqual(Array<string>(5).fill("finished"));
    expect(await stopped).toBe(0);
    const again = await start();
    const { invocations } = await again.ok<{ invocations: { nodes: { status: string }[] } }>(
      `{ invocations(filter: {function: "slow"}) { nodes { status } } }`,
    );
    expect(invocations.nodes.map(({ status }) => status)).toEqual(Array<string>(5).fill("SUCCEEDED"));
  }, 60_000);

  const apart = {
    DATABASE_URL: "postgres://127.0.0.1:1/none",
    FERMI_INTERNAL_SECRET: "x".repeat(32),
    FERMI_INTERNAL_ROUTER_URL: "http://127.0.0.1:1",
  };

  it.each([
    ["FERMI_API_PORT", {}],
    ["FERMI_POOLMGR_PORT", { FERMI_ROLES: "poolmgr", ...apart }],
    ["FERMI_TRIGGERS_PORT", { FERMI_ROLES: "triggers", ...apart }],
  ])(
    "says which port is taken and how to choose another: %s",
    async (setting, env) => {
      const taken = createServer().listen(0, "127.0.0.1");
      await once(taken, "listening");
      const { port } = taken.address() as AddressInfo;
      const folder = await temporaryFolder();
      const { child, output } = launch({ env: { ...env, [setting]: String(port) } }, folder);
      const [code] = (await once(child, "exit")) as [number];
      expect([code, output()]).toEqual([1, expect.stringContaining(`port ${port} of 127.0.0.1 is in use`)]);
      expect(output()).toContain(`(${setting})`);
      taken.close();
      await rm(folder, { recursive: true });
    },
    60_000,
  );

  it("says in one line which database can't be reached, without its password", async () => {
    const folder = await temporaryFolder();
    const { child, output } = launch({ env: { DATABASE_URL: "postgres://me:hidden@127.0.0.1:1/db" } }, folder);
    const [code] = (await once(child, "exit")) as [number];
    expect([code, output().trim().split("\n").length]).toEqual([1, 1]);
    expect(output()).toMatch(/DATABASE_URL \(127\.0\.0\.1:1\/db\).*ECONNREFUSED/);
    expect(output()).not.toContain("hidden");
    await rm(folder, { recursive: true });
  });

  it.each([
    [
      "of no known host",
      { FERMI_HOST: "fermi.invalid", FERMI_ADMIN_TOKEN: "hidden-hidden-hidden" },
      "FERMI_HOST is fermi.inv",
    ],
    [
      "without a folder for its ready file",
      { FERMI_READY_FILE: "/none/such/x.json" },
      "/none/such/x.json (FERMI_READY",
    ],
    [
      "with a folder for its ready file",
      { FERMI_READY_FILE: "/tmp" },
      "/tmp (FERMI_READY_FILE) can't be written: it is a folder",
    ],
  ])("starts nothing, and says so in one line, %s", async (_what, env, said) => {
    const folder = await temporaryFolder();
    const { child, output } = launch({ env }, folder);
    const [code] = (await once(child, "exit")) as [number];
    expect([code, output().trim().split("\n")]).toEqual([1, [expect.stringContaining(said)]]);
    await rm(folder, { recursive: true });
  });

  it("names every wrong setting at once and ends with 2", async () => {
    const folder = await temporaryFolder();
    const { child, output } = launch(
      { env: { FERMI_API_PORT: "x", FERMI_LOG_LEVEL: "loud", FERMI_TYPO: "1" } },
      folder,
    );
    const [code] = (await once(child, "exit")) as [number];
    expect(code).toBe(2);
    for (const name of ["FERMI_API_PORT", "FERMI_LOG_LEVEL", "FERMI_TYPO"]) expect(output()).toContain(name);
    await rm(folder, { recursive: true });
  });

  it("refuses to listen to the network without authentication", async () => {
    const folder = await temporaryFolder();
    const { child, output } = launch({ env: { FERMI_HOST: "0.0.0.0" } }, folder);
    const [code] = (await once(child, "exit")) as [number];
    expect([code, output()]).toEqual([2, expect.stringContaining("FERMI_ADMIN_TOKEN")]);
    await rm(folder, { recursive: true });
  });
});
