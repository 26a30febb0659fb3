import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from "@jest/globals";
import type { QueryRunner } from "typeorm";
import { silentLogger } from "../../src/lib/logger.js";
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
        `SELECT FROM pg_locks WHERE NOT granted AND relation = 'async_invocation'::regclass
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      expect(waiting).not.toEqual([]);
    });

  it("keeps others waiting for a moment only, and is made when the table is free", async () => {
    const migrating = migrate(services.url, silentLogger, { lockTimeoutMs: 300, pauseMs: 50, withinMs: 20_000 });
    await someoneWaits();
    await services.dataSource.query("UPDATE async_invocation SET epoch = epoch");
    await user.rollbackTransaction();
    expect(await migrating).toEqual(["DeadInvocations1700000000014"]);
    await user.startTransaction();
  });

  it("is given up after a while, and says why; that it waits is logged once, and printed past the log never", async () => {
    const printed = jest.spyOn(console, "log");
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_fields: object, message: string) => void warnings.push(message) };
    const patience = { lockTimeoutMs: 50, pauseMs: 1, withinMs: 500 };
    await expect(migrate(services.url, logger, patience)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining("a table that is to be changed is in use"),
    });
    expect(warnings).toEqual([expect.stringMatching(/in use.*waiting/)]);
    expect(printed).not.toHaveBeenCalled();
  });
});
