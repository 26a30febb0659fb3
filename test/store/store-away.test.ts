import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { AppError } from "../../src/errors/app-error.js";
import { StoreHealth } from "../../src/store/store-health.js";
import { testDatabase, type TestDatabase } from "../support/test-database.js";
import { ctx, newEnvironment, openServices, type Services } from "./support/open-services.js";
import { TcpProxy } from "./support/tcp-proxy.js";

describe("A store that is away", () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let services: Services;
  beforeAll(async () => {
    database = await testDatabase();
    proxy = await TcpProxy.before(database.url);
    services = await openServices({ url: proxy.url });
  });
  afterEach(() => services.clear());
  afterAll(async () => {
    await services.close();
    await proxy.goAway();
    await database.drop();
  });

  const create = (name: string) => services.environments.create(ctx, newEnvironment({ name }));
  const find = () => services.environments.find(ctx, { namespace: "default", name: "node" });

  async function refusalOf(work: Promise<unknown>): Promise<{ code: string; tookMs: number }> {
    const started = performance.now();
    const error: unknown = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { code: error instanceof AppError ? error.code : String(error), tookMs: performance.now() - started };
  }

  async function expectRefusals(): Promise<void> {
    const refusals = await Promise.all([create("a"), create("b"), find(), find()].map(refusalOf));
    for (const { code, tookMs } of refusals) {
      expect(code).toBe("STORE_UNAVAILABLE");
      expect(tookMs).toBeLessThan(5_000);
    }
  }

  it("refuses work at once when no connection can be made, and works again when it is back", async () => {
    await create("node");
    await proxy.goAway();
    await expectRefusals();
    expect(await new StoreHealth(services.dataSource).storeCheck()).toEqual({
      ok: false,
      message: "The store can't be reached at the moment. Try again.",
    });
    await proxy.comeBack();
    expect(await find()).toMatchObject({ name: "node" });
    await create("after");
  });

  it("refuses work within five seconds when it hangs, and works again when it does", async () => {
    await Promise.all([create("node"), find(), find(), find()]);
    proxy.freeze();
    await expectRefusals();
    await expectRefusals();
    proxy.thaw();
    expect(await find()).toMatchObject({ name: "node" });
    await create("after");
    expect(await services.environments.count(ctx, {})).toBe(2);
  });

  it("breaks off a transaction in the middle without a trace", async () => {
    const refusal = refusalOf(
      services.store.write(async (tx) => {
        await tx.announce("CREATED", { kind: "Environment", resource: { namespace: "x" } as never });
        await proxy.goAway();
      }),
    );
    expect((await refusal).code).toBe("STORE_UNAVAILABLE");
    await proxy.comeBack();
    expect(await services.dataSource.query("SELECT 1 FROM change")).toEqual([]);
    await create("after");
  });

  it("does not commit what it has called failed", async () => {
    const refusal = refusalOf(
      services.store.write(async (tx) => {
        await tx.announce("CREATED", { kind: "Environment", resource: { namespace: "x" } as never });
        await new Promise((resolve) => setTimeout(resolve, 5_200));
      }),
    );
    const waiting = refusalOf(create("waits-behind-it"));
    expect(await refusal).toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect((await waiting).tookMs).toBeLessThan(5_000);
    await create("after");
    const rows: { resource: { name: string } }[] = await services.dataSource.query("SELECT resource FROM change");
    expect(rows.map(({ resource }) => resource.name)).toEqual(["after"]);
  });

  it("keeps errors of its own as they are", async () => {
    await expect(services.dataSource.query("SELECT 1/0")).rejects.toThrow("division by zero");
    await expect(services.store.write(() => Promise.reject(new RangeError("mine")))).rejects.toThrow(RangeError);
  });
});
