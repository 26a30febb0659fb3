import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { checkSchema, migrate } from "../../src/store/migrate.js";
import { StoreHealth } from "../../src/store/store-health.js";
import { openServices, type Services } from "./support/open-services.js";

describe("StoreHealth", () => {
  let services: Services;
  let health: StoreHealth;
  beforeAll(async () => {
    services = await openServices();
    health = new StoreHealth(services.dataSource);
  });
  afterAll(() => services.close());

  it("says that all is well, and which server answers", async () => {
    expect(await health.checks()).toEqual([
      { name: "store", ok: true, message: expect.stringMatching(/^PostgreSQL \d\d\.\d+.* answers\.$/) },
      { name: "migrations", ok: true, message: "The schema is up to date." },
    ]);
    expect(await health.describe()).toMatch(/^PostgreSQL \d\d\.\d+/);
  });

  it("tells of migrations that were not run, and of those of a newer Fermi", async () => {
    const { dataSource } = services;
    await dataSource.query("INSERT INTO migration (timestamp, name) VALUES (9999999999999, 'Newer9999999999999')");
    expect(await health.migrationCheck()).toMatchObject({ ok: true, message: expect.stringContaining("newer") });
    await dataSource.query("DELETE FROM migration");
    expect(await health.migrationCheck()).toMatchObject({ ok: false, message: expect.stringContaining("not run") });
    await dataSource.query("DROP TABLE migration");
    expect(await health.migrationCheck()).toMatchObject({ ok: false, message: expect.stringContaining("not run") });
  });

  it("refuses a server that is too old", async () => {
    const old = { query: () => Promise.resolve([{ number: "130014" }]) } as never;
    expect(await new StoreHealth(old).storeCheck()).toEqual({
      ok: false,
      message: "The server is PostgreSQL 13; Fermi needs 14 or newer.",
    });
  });
});

describe("checkSchema", () => {
  it("is content with the schema of this Fermi and of a newer one, and with no older one", async () => {
    const services = await openServices();
    await checkSchema(services.url);
    await services.dataSource.query("INSERT INTO migration (timestamp, name) VALUES (9999999999999, 'Newer9')");
    await checkSchema(services.url);
    await services.dataSource.query("DELETE FROM migration WHERE name LIKE 'Records%'");
    await expect(checkSchema(services.url)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining("fermi migrate"),
    });
    await services.dataSource.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    await expect(checkSchema(services.url)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await services.close();
  });

  it("says that the store is unavailable where no server answers", async () => {
    const url = "postgres://nobody@127.0.0.1:1/none";
    await expect(checkSchema(url)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });
});

describe("migrate", () => {
  it("runs each migration once, also when several processes start at once", async () => {
    const services = await openServices();
    await services.dataSource.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    const runs = await Promise.all([migrate(services.url), migrate(services.url), migrate(services.url)]);
    expect(runs.flat()).toHaveLength(services.dataSource.migrations.length);
    await services.close();
  });

  it("says that the store is unavailable where no server answers", async () => {
    await expect(migrate("postgres://nobody@127.0.0.1:1/none")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });
});
