import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import pg from "pg";
import { eventually, startFermi, type Fermi } from "../support/harness.js";
import { testDatabase, type TestDatabase } from "../support/test-database.js";
import { deploy } from "./support.js";

const telling = `module.exports = async (context) => {
  const { method, headers, body } = context.request;
  const at = headers["x-fermi-scheduled-at"];
  console.log(JSON.stringify({ method, at, trigger: headers["x-fermi-trigger"], length: headers["content-length"] }));
  return { status: 200, body: "" };
};`;

/** As if there were no end to them: what is deleted is there again, a second later. Timers wait for nothing like that. */
async function fillWithOldRecords({ url }: TestDatabase): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`
    INSERT INTO record_batch (id, stored_at) SELECT gen_random_uuid(), now() - interval '9 days' FROM generate_series(1, 5000);
    CREATE FUNCTION restore() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_sleep(1); INSERT INTO record_batch SELECT * FROM gone; RETURN NULL; END $$;
    CREATE TRIGGER restored AFTER DELETE ON record_batch REFERENCING OLD TABLE AS gone
      FOR EACH STATEMENT EXECUTE FUNCTION restore();`);
  await client.end();
}

interface Run {
  readonly source: string;
  readonly status: string;
  readonly acceptedAt: string;
  readonly trigger: { readonly name: string } | null;
  readonly logs: { readonly nodes: readonly { readonly message: string }[] };
}

describe("a time trigger", () => {
  let database: TestDatabase;
  let fermi: Fermi;
  beforeAll(async () => {
    database = await testDatabase();
    await fillWithOldRecords(database);
    fermi = await startFermi({ env: { DATABASE_URL: database.url } });
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
    await database.drop();
  });

  const create = async (input: object): Promise<string> => {
    const { createTimeTrigger } = await fermi.ok<{ createTimeTrigger: { id: string } }>(
      `mutation($input: CreateTimeTriggerInput!) { createTimeTrigger(input: $input) { id } }`,
      { input },
    );
    return createTimeTrigger.id;
  };

  const runsOf = async (name: string): Promise<readonly Run[]> => {
    const { function: fn } = await fermi.ok<{ function: { invocations: { nodes: Run[] } } }>(
      `query($name: String!) { function(name: $name) { invocations(first: 100) { nodes {
        source status acceptedAt trigger { name } logs { nodes { message } } } } } }`,
      { name },
    );
    return fn.invocations.nodes.filter(({ source }) => source === "TIME");
  };

  interface Told {
    readonly lastRunAt: string | null;
    readonly status: { readonly condition: string; readonly reason: string | null };
  }
  const told = async (id: string): Promise<Told> =>
    (
      await fermi.ok<{ trigger: Told }>(
        `query($id: ID!) { trigger(id: $id) { status { condition reason } ... on TimeTrigger { lastRunAt } } }`,
        { id },
      )
    ).trigger;

  it("calls its function at each due time, once, tells it which, and shows in the records", async () => {
    await deploy(fermi, "ticked", telling, { minInstances: 1 });
    const id = await create({ name: "each-second", function: "ticked", schedule: "* * * * * *" });
    const runs = await eventually(async () => {
      const found = await runsOf("ticked");
      expect(found.filter(({ logs }) => logs.nodes.length > 0).length).toBeGreaterThanOrEqual(4);
      return found.filter(({ logs }) => logs.nodes.length > 0);
    }, 20_000);
    const calls = runs.map(({ logs }) => JSON.parse(logs.nodes[0]?.message ?? "{}") as Record<string, string>);
    for (const [index, { status, trigger, acceptedAt }] of runs.entries()) {
      const { method, at = "", trigger: name, length } = calls[index] ?? {};
      expect([status, trigger?.name, method, name, length]).toEqual([
        "SUCCEEDED",
        "each-second",
        "POST",
        "each-second",
        "0",
      ]);
      expect(at).toMatch(/:\d\d\.000Z$/);
      const lateMs = Date.parse(acceptedAt) - Date.parse(at);
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThan(1_000);
    }
    expect(new Set(calls.map(({ at }) => at)).size).toBe(calls.length);
    const { lastRunAt, status } = await told(id);
    expect(status).toEqual({ condition: "READY", reason: null });
    expect(Date.parse(lastRunAt ?? "")).toBeGreaterThan(Date.parse(runs.at(-1)?.acceptedAt ?? "") - 1_000);
  }, 40_000);

  it("stops at once when it is switched off, and goes on when it is switched on", async () => {
    await deploy(fermi, "switched", telling, { minInstances: 1 });
    const id = await create({ name: "switched", function: "switched", schedule: "@every 1s" });
    await eventually(async () => expect((await runsOf("switched")).length).toBeGreaterThanOrEqual(2), 15_000);
    const set = (on: boolean): Promise<unknown> =>
      fermi.ok(`mutation($id: ID!, $on: Boolean!) { setTriggerEnabled(id: $id, enabled: $on) { id } }`, { id, on });
    await set(false);
    const offAt = Date.now();
    expect((await told(id)).status.condition).toBe("DISABLED");
    const other = await create({ name: "meanwhile", function: "switched", schedule: "@every 1s" });
    await eventually(async () => expect((await told(other)).lastRunAt).not.toBeNull());
    await eventually(async () => {
      const runs = await runsOf("switched");
      expect(runs.filter(({ trigger }) => trigger?.name === "meanwhile").length).toBeGreaterThanOrEqual(3);
      const late = runs.filter(
        ({ trigger, acceptedAt }) => trigger?.name === "switched" && Date.parse(acceptedAt) > offAt + 50,
      );
      expect(late).toEqual([]);
    }, 15_000);
    const onAt = Date.now();
    await set(true);
    const since = `query($id: ID!) { trigger(id: $id) { status { condition since } } }`;
    await eventually(async () => {
      const { trigger } = await fermi.ok<{ trigger: { status: { condition: string; since: string } } }>(since, { id });
      expect(trigger.status.condition).toBe("READY");
      expect(Date.parse(trigger.status.since)).toBeGreaterThanOrEqual(onAt);
    });
    const before = (await told(id)).lastRunAt;
    await eventually(async () => expect((await told(id)).lastRunAt).not.toBe(before));
  }, 60_000);

  it("says that its function fails, and harms no other; and that it is well again", async () => {
    await deploy(fermi, "broken", `module.exports = async () => ({ status: 500, body: "no" });`);
    const id = await create({ name: "broken", function: "broken", schedule: "@every 1s" });
    await eventually(async () =>
      expect((await told(id)).status).toEqual({ condition: "FAILING", reason: expect.stringContaining("500") }),
    );
    await fermi.ok(`mutation($source: String!) { updateFunction(input: {name: "broken", source: $source}) { id } }`, {
      source: telling,
    });
    await eventually(async () => expect((await told(id)).status).toEqual({ condition: "READY", reason: null }));
  }, 30_000);

  it("leaves out due times while its run before is not over, if that is wanted", async () => {
    const slow = `module.exports = async () => { await new Promise((done) => setTimeout(done, 2500)); return { status: 200, body: "" }; };`;
    await deploy(fermi, "slow", slow, { minInstances: 1 });
    await create({ name: "slow", function: "slow", schedule: "* * * * * *", overlap: "SKIP" });
    const runs = await eventually(async () => {
      const found = await runsOf("slow");
      expect(found.length).toBeGreaterThanOrEqual(3);
      return found;
    }, 20_000);
    const times = runs.map(({ acceptedAt }) => Date.parse(acceptedAt)).sort((a, b) => a - b);
    for (const [index, at] of times.slice(1).entries()) expect(at - (times[index] ?? 0)).toBeGreaterThan(2_400);
  }, 60_000);

  it("waits for no removal of old records when it is stopped", async () => {
    expect(await fermi.stop()).toBe(0);
  });
});
