import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { PoolSource } from "../../src/poolmgr/pool-source.js";
import type { RouteSource } from "../../src/router/route-source.js";
import { ChangeFeed } from "../../src/store/change-feed.js";
import { RoutingStore } from "../../src/store/routing-store.js";
import { Wakeups } from "../../src/store/wakeups.js";
import { ctx, newEnvironment, newFunction, newTrigger, openServices, type Services } from "./support/open-services.js";

describe("RoutingStore", () => {
  let services: Services;
  let wakeups: Wakeups;
  let routing: RoutingStore;
  beforeAll(async () => {
    services = await openServices();
    wakeups = new Wakeups({ url: services.url });
    wakeups.start();
  });
  beforeEach(async () => {
    routing = new RoutingStore(services.dataSource, new ChangeFeed(services.dataSource, wakeups));
    await services.environments.create(ctx, newEnvironment({ contract: "FISSION_V2" }));
    await services.functions.create(ctx, newFunction());
  });
  afterEach(() => services.clear());
  afterAll(async () => {
    await wakeups.stop();
    await services.close();
  });

  it("is what router and pool manager ask for", async () => {
    const sources: RouteSource & PoolSource = routing;
    expect(Object.keys(await sources.load()).sort()).toEqual(["environments", "functions", "triggers"]);
  });

  it("loads the living, functions with their contract, triggers that are off too", async () => {
    const trigger = await services.triggers.createHttp(ctx, newTrigger());
    await services.triggers.setEnabled(ctx, trigger.id, false);
    const gone = await services.functions.create(ctx, newFunction({ name: "gone" }));
    await services.functions.delete(ctx, gone, { deleteTriggers: false });
    const { environments, functions, triggers } = await routing.load();
    expect(environments.map(({ name }) => name)).toEqual(["node"]);
    expect(functions).toEqual([expect.objectContaining({ name: "hello", contract: "FISSION_V2" })]);
    expect(triggers).toEqual([expect.objectContaining({ kind: "HTTP", path: "/hello", enabled: false })]);
  });

  it("keeps up with what is created, changed and deleted, and answers the same where nothing is", async () => {
    const first = await routing.load();
    expect(await routing.load()).toBe(first);

    const trigger = await services.triggers.createHttp(ctx, newTrigger());
    const added = await services.functions.create(ctx, newFunction({ name: "added" }));
    const changed = await services.functions.update(ctx, { ...newFunction(), source: "two" });
    await services.environments.update(ctx, { ...newEnvironment(), contract: "FISSION_V1" });
    const second = await routing.load();
    expect(
      second.functions.map(({ name, currentVersionNumber, contract }) => [name, currentVersionNumber, contract]),
    ).toEqual([
      [changed.name, 2, "FISSION_V1"],
      [added.name, 1, "FISSION_V1"],
    ]);
    expect(second.triggers.map(({ id }) => id)).toEqual([trigger.id]);

    await services.functions.delete(ctx, changed, { deleteTriggers: true });
    const third = await routing.load();
    expect([third.functions.map(({ id }) => id), third.triggers]).toEqual([[added.id], []]);
    expect(await routing.load()).toBe(third);
  });

  it("gives two who ask at once the same, and each change once", async () => {
    await routing.load();
    await services.functions.create(ctx, newFunction({ name: "added" }));
    const [one, other] = await Promise.all([routing.load(), routing.load()]);
    expect(one).toBe(other);
    expect(one.functions).toHaveLength(2);
  });

  it("reads everything where more has changed than is worth following", async () => {
    await routing.load();
    for (let round = 0; round < 6; round++) {
      await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          services.functions.update(ctx, { ...newFunction(), source: `${round} ${i}` }),
        ),
      );
    }
    const { functions } = await routing.load();
    expect(functions.map(({ currentVersionNumber }) => currentVersionNumber)).toEqual([601]);
  }, 90_000);

  it("gives the code of a version, of a deleted function too", async () => {
    const fn = await services.functions.update(ctx, { ...newFunction(), source: "two" });
    await services.functions.delete(ctx, fn, { deleteTriggers: false });
    expect(await routing.code(fn.id, 1)).toMatchObject({ source: newFunction().source, version: { number: 1 } });
    expect(await routing.code(fn.id, 2)).toMatchObject({ source: "two", version: { functionId: fn.id } });
    expect(await routing.code(fn.id, 3)).toBeUndefined();
    expect(await routing.code("no-id", 1)).toBeUndefined();
  });

  it("tells subscribers once at the beginning and of each commit, until they leave", async () => {
    let calls = 0;
    let notice: () => void = () => undefined;
    const nextCall = (): Promise<void> => new Promise((resolve) => (notice = resolve));
    const update = (source: string) => services.functions.update(ctx, { ...newFunction(), source });
    const first = nextCall();
    const subscription = routing.subscribe(() => {
      calls++;
      notice();
    });
    await first;
    for (const source of ["two", "three"]) {
      const next = nextCall();
      await update(source);
      await next;
    }
    subscription.stop();
    const before = calls;
    await update("four");
    await new Promise<void>((resolve) => {
      const other = routing.subscribe(() => {
        other.stop();
        resolve();
      });
    });
    expect(calls).toBe(before);
  });

  it("loads 1,000 functions and triggers quickly, without their source", async () => {
    await services.dataSource.query(
      `WITH f AS (
        INSERT INTO function SELECT gen_random_uuid(), namespace, 'f-' || i, 1, now(), now(), NULL, environment_id,
          current_version_id, 1, 1, settings FROM function, generate_series(1, 1000) i RETURNING id, name
      ) INSERT INTO http_trigger SELECT gen_random_uuid(), 'default', name, 1, now(), now(), NULL, id, true,
          '{GET}', '/' || name, NULL, NULL FROM f`,
    );
    const started = performance.now();
    const { functions, triggers } = await routing.load();
    const tookMs = performance.now() - started;
    expect([functions.length, triggers.length]).toEqual([1_001, 1_000]);
    expect(functions[0]).not.toHaveProperty("source");
    expect(tookMs).toBeLessThan(1_000);
  });
});
