import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { CuttingProxy } from "../records/support/cutting-proxy.js";
import { eventually, startFermi, type Fermi } from "../support/harness.js";
import { testDatabase, type TestDatabase } from "../support/test-database.js";
import { deploy } from "./support.js";

let nextGrace = 0;

/** A subscription that was open before the store went away sees what happens after it is back. */
async function waitForDeletion(
  changes: AsyncIterableIterator<{ data?: { resourceChanges: { type: string } } | null; errors?: unknown }>,
): Promise<void> {
  for await (const { data, errors } of changes) {
    expect(errors).toBeUndefined();
    if (data?.resourceChanges.type === "DELETED") return;
  }
  throw new Error("the subscription has ended");
}

describe("with the database away", () => {
  let database: TestDatabase;
  let proxy: CuttingProxy;
  let fermi: Fermi;
  beforeAll(async () => {
    database = await testDatabase();
    proxy = new CuttingProxy(new URL(database.url));
    fermi = await startFermi({ env: { DATABASE_URL: await proxy.start() } });
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
    await proxy.stop();
    await database.drop();
  });

  it("goes on routing, refuses changes in time, loses no record and heals by itself", async () => {
    const url = await deploy(fermi, "steady", `module.exports = async () => ({ status: 200, body: "steady" });`);
    const cold = await deploy(fermi, "cold", `module.exports = async () => ({ status: 200, body: "cold" });`);
    expect((await fetch(url)).status).toBe(200);

    const client = createClient({ url: `${fermi.apiUrl.replace("http", "ws")}/graphql`, webSocketImpl: WebSocket });
    const changes = client.iterate<{ resourceChanges: { type: string } }>({
      query: `subscription { resourceChanges { type } }`,
    });
    const firstChange = changes.next();
    await eventually(async () => {
      // The subscription is there once a change arrives; an environment's revision is nobody's business here.
      await fermi.ok(
        `mutation { updateEnvironment(input: {name: "node", gracePeriodSeconds: ${20 + nextGrace++}}) { id } }`,
      );
      await Promise.race([firstChange, Promise.reject(new Error("not yet"))]);
    });

    proxy.close();
    for (let call = 0; call < 20; call++) expect(await (await fetch(url)).text()).toBe("steady");
    expect(await (await fetch(cold)).text()).toBe("cold");
    const asked = performance.now();
    const { errors } = await fermi.gql(`mutation { deleteFunction(name: "cold", deleteTriggers: true) { id } }`);
    expect(performance.now() - asked).toBeLessThan(5_000);
    expect(errors?.[0]?.extensions.code).toBe("STORE_UNAVAILABLE");
    expect((await fetch(`${fermi.apiUrl}/readyz`)).status).toBe(503);

    proxy.open();
    await eventually(async () => {
      const { function: fn } = await fermi.ok<{ function: { stats: { total: number } } }>(
        `{ function(name: "steady") { stats { total } } }`,
      );
      expect(fn.stats.total).toBe(21);
    }, 20_000);
    await fermi.ok(`mutation { deleteFunction(name: "cold", deleteTriggers: true) { id } }`);
    await waitForDeletion(changes);
    await client.dispose();
    await eventually(async () => expect((await fetch(cold)).status).toBe(404), 2_000);
  }, 60_000);
});
