import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { NewHttpTrigger } from "../../src/model/inputs.js";
import { ctx, newEnvironment, newFunction, newTrigger, openServices, type Services } from "./support/open-services.js";

const cors = { allowOrigins: ["https://app.example.com"], allowCredentials: true, maxAgeSeconds: 600 };

describe("TriggerService", () => {
  let services: Services;
  beforeAll(async () => {
    services = await openServices();
  });
  beforeEach(async () => {
    await services.environments.create(ctx, newEnvironment());
    await services.functions.create(ctx, newFunction());
  });
  afterEach(() => services.clear());
  afterAll(() => services.close());

  const create = (changes: Partial<NewHttpTrigger> = {}) => services.triggers.createHttp(ctx, newTrigger(changes));

  it("stores a route, any host and no CORS unless told", async () => {
    const trigger = await create({ methods: ["GET", "POST"], path: "/users/{id}" });
    expect(trigger).toMatchObject({ name: "get-users-id", enabled: true, host: null, cors: null, revision: 1 });
    const found = await services.triggers.find(ctx, trigger.id);
    expect({ ...found, deletedAt: undefined }).toEqual({ ...trigger, deletedAt: undefined });
  });

  it("keeps a CORS policy with empty lists where they are left out", async () => {
    const { id } = await create({ cors });
    expect(await services.triggers.find(ctx, id)).toMatchObject({
      cors: { ...cors, allowMethods: [], allowHeaders: [], exposeHeaders: [] },
    });
  });

  it.each([
    ["name", { name: "Hello!" }],
    ["namespace", { namespace: "" }],
    ["function", { function: "Hello" }],
    ["methods", { methods: [] }],
    ["methods", { methods: ["get"] }],
    ["path", { path: "hello" }],
    ["path", { path: "/-/healthz" }],
    ["path", { path: "/a/{id}/{id}" }],
    ["host", { host: "Example.com:80" }],
    ["cors.allowOrigins", { cors: { ...cors, allowOrigins: ["example.com"] } }],
    ["cors.allowCredentials", { cors: { ...cors, allowOrigins: ["*"] } }],
    ["cors.maxAgeSeconds", { cors: { ...cors, maxAgeSeconds: -1 } }],
  ])("refuses a bad %s", async (field, changes) => {
    await expect(create(changes)).rejects.toMatchObject({ code: "BAD_USER_INPUT", field });
  });

  it("refuses a function that is not there", async () => {
    await expect(create({ function: "other" })).rejects.toMatchObject({ code: "NOT_FOUND", field: "function" });
  });

  it("makes names that differ", async () => {
    const paths = ["/a-b", "/a/b", "/a.b", "/", "/{rest}/*"];
    const triggers = [];
    for (const path of paths) triggers.push(await create({ path }));
    expect(triggers.map(({ name }) => name)).toEqual(["get-a-b", "get-a-b-2", "get-a-b-3", "get-root", "get-rest"]);
    await expect(create({ path: "/c", name: "get-a-b" })).rejects.toMatchObject({
      code: "ALREADY_EXISTS",
      field: "name",
    });
    const long = await create({ path: `/${"x".repeat(100)}` });
    expect(long.name).toHaveLength(55);
  });

  it.each([
    ["the same path", { path: "/users/{id}" }],
    ["a path that differs in parameter names only", { path: "/users/{user}" }],
    ["one method of several", { path: "/users/{id}", methods: ["DELETE", "POST"] }],
  ])("refuses %s on one host, in any namespace", async (_, changes) => {
    const first = await create({ path: "/users/{id}", methods: ["GET", "POST"] });
    await services.triggers.setEnabled(ctx, first.id, false);
    await services.environments.create(ctx, newEnvironment({ namespace: "other" }));
    await services.functions.create(ctx, newFunction({ namespace: "other" }));
    for (const namespace of ["default", "other"]) {
      await expect(create({ ...changes, namespace })).rejects.toMatchObject({ code: "ALREADY_EXISTS", field: "path" });
    }
  });

  it("tells hosts, methods and subtrees apart", async () => {
    await create({ path: "/a" });
    await create({ path: "/a", host: "a.example.com" });
    await create({ path: "/a", methods: ["POST"] });
    await create({ path: "/a/*" });
    await create({ path: "/a/{rest}" });
    expect(await services.triggers.count(ctx, {})).toBe(5);
  });

  it("makes only one of two with one route", async () => {
    const outcomes = await Promise.allSettled([create(), create()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  it("changes what is given, and the route is free for others", async () => {
    await services.functions.create(ctx, newFunction({ name: "other" }));
    const { id } = await create({ host: "a.example.com", cors });
    const changed = await services.triggers.updateHttp(ctx, { id, path: "/moved", function: "other", host: null });
    expect(changed).toMatchObject({ path: "/moved", host: null, methods: ["GET"], revision: 2 });
    expect(changed.cors).not.toBeNull();
    await create({ host: "a.example.com" });
    await expect(create({ path: "/moved" })).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    const other = await services.functions.find(ctx, { namespace: "default", name: "other" });
    expect(await services.triggers.byFunctionIds([other?.id ?? ""])).toHaveLength(1);
    expect((await services.triggers.updateHttp(ctx, { id, cors: null })).cors).toBeNull();
  });

  it("refuses a change to a route that is taken, and keeps what was", async () => {
    const { id } = await create({ path: "/a" });
    await create({ path: "/b" });
    await expect(services.triggers.updateHttp(ctx, { id, path: "/b" })).rejects.toMatchObject({
      code: "ALREADY_EXISTS",
    });
    await expect(create({ path: "/a" })).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    expect(await services.triggers.updateHttp(ctx, { id, methods: ["GET", "PUT"] })).toMatchObject({ revision: 2 });
  });

  it("refuses a change of a revision that has passed, and makes nothing of one without a difference", async () => {
    const { id } = await create();
    expect(await services.triggers.updateHttp(ctx, { id, path: "/hello", methods: ["GET"] })).toMatchObject({
      revision: 1,
    });
    await expect(services.triggers.updateHttp(ctx, { id, path: "/x", expectedRevision: 7 })).rejects.toMatchObject({
      code: "CONFLICT",
    });
  });

  it("is switched off and on", async () => {
    const { id } = await create();
    expect(await services.triggers.setEnabled(ctx, id, false)).toMatchObject({ enabled: false, revision: 2 });
    expect(await services.triggers.setEnabled(ctx, id, false)).toMatchObject({ revision: 2 });
    expect(await services.triggers.setEnabled(ctx, id, true)).toMatchObject({ enabled: true, revision: 3 });
  });

  it("frees name and route when it is deleted", async () => {
    const { id } = await create();
    expect(await services.triggers.delete(ctx, id)).toMatchObject({ id });
    expect(await services.triggers.find(ctx, id)).toBeUndefined();
    await create();
  });

  it.each([["no-id"], ["01890a5d-ac96-774b-bcce-b302099a8057"]])("says NOT_FOUND of %s", async (id) => {
    await expect(services.triggers.delete(ctx, id)).rejects.toMatchObject({ code: "NOT_FOUND", field: "id" });
    await expect(services.triggers.setEnabled(ctx, id, true)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(services.triggers.updateHttp(ctx, { id, path: "/a" })).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await services.triggers.find(ctx, id)).toBeUndefined();
  });
});
