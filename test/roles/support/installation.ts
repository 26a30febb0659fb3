/** Fermi as several processes of this machine, each one role, over one database. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import type { ChildProcess } from "node:child_process";
import { eventually, launch, temporaryFolder, type GqlAnswer } from "../../support/harness.js";
import { testDatabase, type TestDatabase } from "../../support/test-database.js";

export type RoleName = "api" | "router" | "poolmgr" | "triggers";

export interface Addresses {
  readonly apiUrl?: string;
  readonly routerUrl?: string;
  readonly poolmgrUrl?: string;
  readonly triggersUrl?: string;
}

const healthPath: Record<RoleName, string> = { api: "", router: "/-", poolmgr: "", triggers: "" };

/** One process of an installation. It can be ended and started anew on its port. */
export class RoleProcess {
  #child: ChildProcess | undefined;
  #output = (): string => "";
  #port = "0";
  url = "";

  constructor(
    readonly role: RoleName,
    private readonly env: () => Readonly<Record<string, string>>,
    private readonly dataDir: string,
  ) {}

  /** Resolves when its port is open. */
  async start(extra: Readonly<Record<string, string>> = {}): Promise<this> {
    const port = `FERMI_${this.role.toUpperCase()}_PORT`;
    const env = { FERMI_ROLES: this.role, ...this.env(), [port]: this.#port, ...extra };
    const { child, output, readyFile } = launch({ env }, this.dataDir);
    this.#child = child;
    this.#output = output;
    const addresses = await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`${this.role} ended with ${child.exitCode}:\n${output()}`);
      return JSON.parse(await readFile(readyFile, "utf8")) as Addresses;
    }, 30_000);
    this.url = addresses[`${this.role}Url`] ?? "";
    this.#port = new URL(this.url).port;
    return this;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  output(): string {
    return this.#output();
  }

  async health(
    page: "healthz" | "readyz" | "metrics",
    headers: Record<string, string> = {},
  ): Promise<[number, string]> {
    const response = await fetch(`${this.url}${healthPath[this.role]}/${page}`, {
      headers,
      signal: AbortSignal.timeout(6_000),
    });
    return [response.status, await response.text()];
  }

  /** Resolves when it says that it is ready. */
  async ready(): Promise<this> {
    await eventually(async () => {
      const [status, text] = await this.health("readyz");
      if (status !== 200) throw new Error(`${this.role}: ${text}`);
    }, 20_000);
    return this;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** The exit code; null where a signal ended it. */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return child?.exitCode ?? null;
    const exit = once(child, "exit");
    child.kill(signal);
    const [code] = (await exit) as [number | null];
    return code;
  }
}

export interface InstallationOptions {
  /** How many of each; one api, two routers, two pool managers and one of triggers unless told otherwise. */
  readonly counts?: Partial<Record<RoleName, number>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Stands between the processes and their database. */
  readonly throughProxy?: (url: string) => Promise<string>;
}

export class Installation {
  readonly processes: RoleProcess[] = [];
  readonly folders: string[] = [];
  readonly secret = randomBytes(24).toString("hex");

  private constructor(
    readonly database: TestDatabase,
    readonly databaseUrl: string,
    private readonly options: InstallationOptions,
  ) {}

  /** Resolves when all are ready. */
  static async start(options: InstallationOptions = {}): Promise<Installation> {
    const database = await testDatabase();
    const url = (await options.throughProxy?.(database.url)) ?? database.url;
    const installation = new Installation(database, url, options);
    try {
      await installation.#startAll();
    } catch (error) {
      await installation.stop();
      throw error;
    }
    return installation;
  }

  all(role: RoleName): RoleProcess[] {
    return this.processes.filter((process) => process.role === role);
  }

  one(role: RoleName, at = 0): RoleProcess {
    const found = this.all(role)[at];
    if (found === undefined) throw new Error(`there is no ${role} ${at}`);
    return found;
  }

  get apiUrl(): string {
    return this.one("api").url;
  }

  get routerUrl(): string {
    return this.one("router").url;
  }

  async gql<T = Record<string, unknown>>(query: string, variables?: object): Promise<GqlAnswer<T>> {
    const response = await fetch(`${this.apiUrl}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query, variables }),
    });
    return (await response.json()) as GqlAnswer<T>;
  }

  /** As `gql`, but an error fails the test. */
  async ok<T = Record<string, unknown>>(query: string, variables?: object): Promise<T> {
    const { data, errors } = await this.gql<T>(query, variables);
    if (errors !== undefined || data === undefined || data === null) throw new Error(JSON.stringify(errors));
    return data;
  }

  /** The pool manager that leads at present. */
  async leader(): Promise<RoleProcess> {
    const { server } = await this.ok<{ server: { checks: { name: string; ok: boolean; message: string }[] } }>(
      "{ server { checks { name ok message } } }",
    );
    const role = server.checks.find(({ name }) => name === "role poolmgr");
    if (role?.ok !== true) throw new Error(role?.message ?? "nobody told of pool managers");
    const leading = await Promise.all(this.all("poolmgr").map(leads));
    const found = this.all("poolmgr")[leading.indexOf(true)];
    if (found === undefined) throw new Error("none of the pool managers leads");
    return found;
  }

  /** A process more, not started yet. */
  async add(role: RoleName): Promise<RoleProcess> {
    const folder = await temporaryFolder();
    this.folders.push(folder);
    const added = new RoleProcess(role, () => this.#env(), folder);
    this.processes.push(added);
    return added;
  }

  /** Ends everything that still runs; resolves to the exit codes by role. */
  async stop(): Promise<[RoleName, number | null][]> {
    const codes = await Promise.all(
      this.processes.map(async (process): Promise<[RoleName, number | null]> => [process.role, await process.end()]),
    );
    for (const folder of this.folders) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    await this.database.drop();
    return codes;
  }

  async #startAll(): Promise<void> {
    const counts = { api: 1, router: 2, poolmgr: 2, triggers: 1, ...this.options.counts };
    const started: Promise<RoleProcess>[] = [];
    // Those first whose addresses others are told.
    for (const role of ["poolmgr", "router", "triggers", "api"] as const) {
      for (let left = counts[role]; left > 0; left--) started.push((await this.add(role)).start());
      await Promise.all(started);
    }
    await Promise.all(this.processes.map((process) => process.ready()));
  }

  #env(): Record<string, string> {
    const poolmgrs = this.all("poolmgr").flatMap(({ url }) => (url === "" ? [] : [url]));
    const [router] = this.all("router");
    return {
      DATABASE_URL: this.databaseUrl,
      FERMI_CLUSTER: "local",
      FERMI_INTERNAL_SECRET: this.secret,
      ...(poolmgrs.length > 0 && { FERMI_POOLMGR_URL: poolmgrs.join(",") }),
      ...(router?.url && { FERMI_INTERNAL_ROUTER_URL: router.url }),
      ...this.options.env,
    };
  }
}

/** Only who leads counts the instances that there are. */
async function leads(process: RoleProcess): Promise<boolean> {
  if (!process.isRunning) return false;
  const [, text] = await process.health("metrics").catch(() => [0, ""] as const);
  return /^fermi_instances\{/m.test(text);
}

export const dataFolderOf = (installation: Installation, at: number): string =>
  path.resolve(installation.folders[at] ?? "");
