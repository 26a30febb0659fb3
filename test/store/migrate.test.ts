import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { QueryRunner } from "typeorm";
import { migrate } from "../../src/store/migrate.js";
import { eventually } from "../support/harness.js";
import { openServices, type Services } from "./support/open-services.js";

const index = "async_invocation_dead";

describe("A migration of a table that is in use", () => {
  let services: Services;
  let user: QueryRunner;
  beforeAll(async () => {
    services = await openServices();
  });
  beforeEach(async () => {
    await services.dataSource.query(`DROP INDEX ${index}; DELETE FROM migration WHERE name LIKE 'DeadInvocations%'`);
    user = services.dataSource.createQueryRunner();
    await user.startTransaction();
    await user.query("LOCK TABLE async_invocation IN ROW EXCLUSIVE MODE");
  });
  afterEach(async () => {
    await user.rollbackTransaction();
    await user.release();
    await migrate(services.url);
  });
  afterAll(() => services.close());

  const someoneWaits = (): Promise<void> =>
    eventually(async () => {
      const waiting: unknown[] = await services.dataSource.query(
        "SELECT FROM pg_locks WHERE NOT granted AND relation = 'async_invocation'::regclass",
      );
      expect(waiting).not.toEqual([]);
    });

  it("keeps others waiting for a moment only, and is made when the table is free", async () => {
    const migrating = migrate(services.url, { lockTimeoutMs: 300, pauseMs: 50, withinMs: 20_000 });
    await someoneWaits();
    await services.dataSource.query("UPDATE async_invocation SET epoch = epoch");
    await user.rollbackTransaction();
    expect(await migrating).toEqual(["DeadInvocations1700000000014"]);
    await user.startTransaction();
  });

  it("is given up after a while, and says why", async () => {
    await expect(migrate(services.url, { lockTimeoutMs: 50, pauseMs: 1, withinMs: 100 })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining("a table that is to be changed is in use"),
    });
  });
});
