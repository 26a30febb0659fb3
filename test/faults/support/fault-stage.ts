/**
 * A whole Fermi with real instances: Fermi's own Node runtime, and one that misbehaves on the wire as it is told
 * (wire-runtime.mjs). A neighbour is called all the while, and must notice nothing.
 */
import { chmod, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect } from "@jest/globals";
import { RawClient } from "../../router/support/http-client.js";
import { eventually, startFermi, temporaryFolder, type Fermi } from "../../support/harness.js";
import { Neighbour, neighbourSource } from "./neighbour.js";
import { Subject, type Settings } from "./subject.js";
import { readVitals, type Vitals } from "./vitals.js";

const wireImage = "fermi-test/wire";
const runtimeFiles = ["wire-runtime.mjs", "behaviours.mjs", "request-reader.mjs"];

export interface Deployed {
  /** "wire" where not given; there is "node" too. */
  readonly environment?: string;
  readonly source?: string;
  readonly settings?: Settings;
  /** Of its route. */
  readonly host?: string;
}

export class FaultStage {
  private constructor(
    readonly fermi: Fermi,
    private readonly folder: string,
    private readonly neighbour: Neighbour,
  ) {}

  static async start(env: Readonly<Record<string, string>> = {}): Promise<FaultStage> {
    const folder = await temporaryFolder();
    await makeReadable(folder);
    const fermi = await startFermi({
      env: {
        FERMI_LOCAL_RUNTIMES: path.join(folder, "runtimes.json"),
        FERMI_RECORD_RATE: "1000000",
        NODE_OPTIONS: `--require ${path.join(import.meta.dirname, "collect-garbage.cjs")}`,
        ...env,
      },
    });
    const environment = `mutation($input: CreateEnvironmentInput!) { createEnvironment(input: $input) { id } }`;
    await fermi.ok(environment, { input: { name: "wire", image: wireImage, poolSize: 2 } });
    await fermi.ok(environment, { input: { name: "node", image: "fermi/nodejs", poolSize: 1 } });
    const neighbour = new Neighbour(fermi);
    const stage = new FaultStage(fermi, folder, neighbour);
    await stage.deploy("neighbour", {
      environment: "node",
      source: neighbourSource,
      settings: { requestsPerInstance: 100, minInstances: 1 },
    });
    await neighbour.start();
    return stage;
  }

  /** Of the router. */
  get port(): number {
    return Number(new URL(this.fermi.routerUrl).port);
  }

  /** A function with all paths below its name. */
  async deploy(
    name: string,
    { environment = "wire", source = "as told", settings, host }: Deployed = {},
  ): Promise<Subject> {
    const variables = [{ name: "SEEN", value: this.#seenFile }];
    await this.fermi.ok(`mutation($input: CreateFunctionInput!) { createFunction(input: $input) { id } }`, {
      input: { name, environment, source, variables, settings },
    });
    await this.fermi.ok(`mutation($input: CreateHttpTriggerInput!) { createHttpTrigger(input: $input) { id } }`, {
      input: { function: name, host, path: `/${name}/*`, methods: ["GET", "POST", "PUT", "DELETE"] },
    });
    const subject = new Subject(this.fermi, name, this.#seenFile);
    await subject.isRouted(host);
    return subject;
  }

  connect(): Promise<RawClient> {
    return RawClient.connect(this.port);
  }

  /** What the process uses, after its garbage was collected. */
  vitals(): Promise<Vitals> {
    return readVitals(this.fermi);
  }

  /** For after each test: the neighbour noticed nothing, and no instance saw anything but proper requests of the router. */
  async expectNoHarm(): Promise<void> {
    await this.neighbour.expectUnharmed();
    const lines = (await readFile(this.#seenFile, "utf8")).split("\n").filter((line) => line.includes(`"anomaly"`));
    expect(lines).toEqual([]);
  }

  /** Memory and connections are back to what they were, but for what a process of this age may keep. */
  gaveBack(before: Vitals): Promise<void> {
    return eventually(async () => {
      const now = await this.vitals();
      expect(now.usedBytes - before.usedBytes).toBeLessThan(4 * 1024 * 1024);
      expect(now.connections - before.connections).toBeLessThan(10);
    }, 20_000);
  }

  async stop(): Promise<void> {
    await this.neighbour.stop();
    await this.fermi.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  get #seenFile(): string {
    return path.join(this.folder, "seen", "seen.jsonl");
  }
}

/** Instances may be another user's processes. */
async function makeReadable(folder: string): Promise<void> {
  const command = [process.execPath, "{dir}/wire-runtime.mjs", "{dir}/seen/seen.jsonl"];
  await writeFile(
    path.join(folder, "runtimes.json"),
    JSON.stringify({ [wireImage]: { contracts: ["FERMI"], command } }),
  );
  for (const file of runtimeFiles) {
    await cp(path.join(import.meta.dirname, file), path.join(folder, file));
    await chmod(path.join(folder, file), 0o644);
  }
  await mkdir(path.join(folder, "seen"));
  await writeFile(path.join(folder, "seen", "seen.jsonl"), "");
  await chmod(path.join(folder, "seen"), 0o777);
  await chmod(path.join(folder, "seen", "seen.jsonl"), 0o666);
}
