/** Fermi under load while its database stands still: FERMI_TEST_AWAY_SECONDS makes that longer than the few seconds here. */
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createClient, type Client } from "graphql-ws";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import WebSocket from "ws";
import { eventually, startFermi, type Fermi } from "../support/harness.js";
import { deploy } from "./support.js";

/** Longer than any write is given, so that writes fail and are made again. */
const awayMs = 1_000 * Number(process.env["FERMI_TEST_AWAY_SECONDS"] ?? 6);
const clients = 8;
/** Of each client; all together come to fewer records in a minute than may wait. */
const pauseMs = 20;
/** What a full buffer may take, and what collections of garbage leave for later. */
const maxGrowthMib = 64;

interface State {
  readonly function: { readonly stats: { readonly total: number } };
  readonly server: { readonly checks: readonly { readonly name: string }[] };
}

/** Clients that call, each one request after another; what each was answered, in its order. */
class Load {
  readonly idsByClient: string[][] = [];
  readonly statuses = new Set<number>();
  #isOver = false;
  readonly #running: Promise<unknown>;

  constructor(url: string) {
    this.#running = Promise.all(Array.from({ length: clients }, () => this.#client(url)));
  }

  get answered(): number {
    return this.idsByClient.reduce((sum, ids) => sum + ids.length, 0);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #client(url: string): Promise<void> {
    const ids: string[] = [];
    this.idsByClient.push(ids);
    while (!this.#isOver) {
      const response = await fetch(url);
      await response.arrayBuffer();
      this.statuses.add(response.status);
      ids.push(response.headers.get("x-fermi-invocation-id") ?? "none");
      await delay(pauseMs);
    }
  }
}

/** The server's own process and those of its connections. */
async function databaseProcesses({ dataDir }: Fermi): Promise<number[]> {
  const [line] = (await readFile(path.join(dataDir, "postgres/postmaster.pid"), "utf8")).split("\n");
  const tasks = await readdir(`/proc/${line}/task`);
  const children = await Promise.all(tasks.map((task) => readFile(`/proc/${line}/task/${task}/children`, "utf8")));
  return [Number(line), ...children.flatMap((text) => text.split(" ").filter(Boolean).map(Number))];
}

const residentMib = async ({ process: { pid } }: Fermi): Promise<number> =>
  Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024;

const among = (ids: readonly string[]): ((id: string) => boolean) => {
  const set = new Set(ids);
  return (id) => set.has(id);
};

/** The ids of invocations as they are told, which is in the order in which they were stored. */
function followInvocations(client: Client): string[] {
  const told: string[] = [];
  client.subscribe<{ invocations: { id: string } }>(
    { query: `subscription { invocations { id } }` },
    {
      next: ({ data }) => {
        if (data) told.push(data.invocations.id);
      },
      error: () => told.push("an error"),
      complete: () => told.push("the end"),
    },
  );
  return told;
}

describe("with the database standing still", () => {
  let fermi: Fermi;
  let client: Client;
  beforeAll(async () => {
    fermi = await startFermi();
    client = createClient({ url: `${fermi.apiUrl.replace("http", "ws")}/graphql`, webSocketImpl: WebSocket });
  }, 90_000);
  afterAll(async () => {
    await client.dispose();
    await fermi.stop();
  });

  it(
    "goes on serving, and has every invocation in order afterwards, in memory that stays flat",
    async () => {
      const url = await deploy(fermi, "steady", `module.exports = async () => ({ status: 200, body: "steady" });`);
      const told = followInvocations(client);
      await eventually(async () => {
        await fetch(url);
        expect(told).not.toEqual([]);
      });
      const load = new Load(url);
      await eventually(() => expect(load.answered).toBeGreaterThan(20 * clients), 30_000);

      const before = await residentMib(fermi);
      const stopped = await databaseProcesses(fermi);
      for (const pid of stopped) process.kill(pid, "SIGSTOP");
      const answered = load.answered;
      await delay(awayMs);
      const during = await residentMib(fermi);
      // They were not kept waiting: more answers came than one to each client.
      expect(load.answered - answered).toBeGreaterThan(10 * clients);
      for (const pid of stopped.reverse()) process.kill(pid, "SIGCONT");
      const back = load.idsByClient.map((ids) => ids.length);
      await eventually(() => load.idsByClient.forEach((ids, at) => expect(told).toContain(ids[back[at] ?? 0])), 30_000);
      await load.stop();
      const last = load.idsByClient.map((ids) => ids.at(-1));
      await eventually(() => expect(told).toEqual(expect.arrayContaining(last)), 10_000);

      expect([...load.statuses]).toEqual([200]);
      for (const ids of load.idsByClient) expect(told.filter(among(ids))).toEqual(ids);
      expect(new Set(told).size).toBe(told.length);
      const { function: fn, server } = await fermi.ok<State>(
        `{ function(name: "steady") { stats { total } } server { checks { name ok message } } }`,
      );
      expect(fn.stats.total).toBe(told.length);
      const check = server.checks.find(({ name }) => name === "invocation records");
      expect(check).toMatchObject({ ok: true, message: expect.stringContaining(" 0 dropped") });
      const after = await residentMib(fermi);
      expect(during - before).toBeLessThan(maxGrowthMib);
      expect(after - before).toBeLessThan(maxGrowthMib);
    },
    awayMs + 90_000,
  );
});
