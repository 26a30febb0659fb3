import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { buildDataSource } from "../../src/store/data-source.js";
import { testDatabase, type TestDatabase } from "../support/test-database.js";
import type { DataSource } from "typeorm";

describe("Schema", () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  beforeAll(async () => {
    database = await testDatabase();
    dataSource = await buildDataSource({ url: database.url }).initialize();
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  it("is the same in migrations and entities", async () => {
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it("can be taken back and made again", async () => {
    for (let left = dataSource.migrations.length; left > 0; left--) await dataSource.undoLastMigration();
    const tables: unknown[] = await dataSource.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'");
    expect(tables).toHaveLength(1);
    expect(await dataSource.runMigrations()).toHaveLength(dataSource.migrations.length);
  });
});
