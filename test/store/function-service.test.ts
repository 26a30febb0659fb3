import { hash } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { defaultRunSettings } from "../../src/model/function.js";
import type { FunctionChange, NewFunction } from "../../src/model/inputs.js";
import { ctx, newEnvironment, newFunction, newTrigger, openServices, type Services } from "./support/open-services.js";

const hello = { namespace: "default", name: "hello" };

describe("FunctionService", () => {
  let services: Services;
  beforeAll(async () => {
    services = await openServices();
  });
  beforeEach(async () => {
    await services.environments.create(ctx, newEnvironment());
  });
  afterEach(() => services.clear());
  afterAll(() => services.close());

  const create = (changes: Partial<NewFunction> = {}) => services.functions.create(ctx, newFunction(changes));
  const update = (changes: Partial<FunctionChange>) => services.functions.update(ctx, { ...hello, ...changes });
  const remove = (deleteTriggers = false) => services.functions.delete(ctx, hello, { deleteTriggers });
  const numbersOf = async (functionId: string): Promise<number[]> => {
    const pages = await services.functions.versions(ctx, [functionId], { first: 100 });
    return pages.get(functionId)?.edges.map(({ node }) => node.number) ?? [];
  };

  it("stores a function with its first version", async () => {
    const variables = [{ name: "GREETING", value: "grüß\n" }];
    const source = "export default () => 'grüß';\r\n";
    const fn = await create({ source, variables, entrypoint: "main" });
    expect(fn).toMatchObject({ ...hello, revision: 1, currentVersionNumber: 1, settings: defaultRunSettings });
    expect({ ...(await services.functions.find(ctx, hello)) }).toEqual(fn);
    const version = await services.functions.version(fn.id, 1);
    expect(version).toMatchObject({ id: fn.currentVersionId, number: 1, entrypoint: "main", variables });
    expect(version).toMatchObject({ digest: hash("sha256", source), sizeBytes: Buffer.byteLength(source) });
    expect(version?.createdAt).toBeInstanceOf(Date);
    expect(await services.functions.sources([fn.currentVersionId])).toEqual(new Map([[fn.currentVersionId, source]]));
  });

  it.each([
    ["source", { source: "x".repeat(256 * 1024 + 1) }],
    ["source", { source: "a\0b" }],
    ["source", { source: " \n" }],
    ["entrypoint", { entrypoint: "handlers.main" }],
    ["environment", { environment: "No" }],
    ["variables.0.name", { variables: [{ name: "1A", value: "" }] }],
    ["variables.0.name", { variables: [{ name: "FERMI_X", value: "" }] }],
    ["variables.0.name", { variables: [{ name: "PORT", value: "" }] }],
    [
      "variables.1.name",
      {
        variables: [
          { name: "A", value: "" },
          { name: "A", value: "" },
        ],
      },
    ],
    ["variables.0.value", { variables: [{ name: "A", value: "\0" }] }],
    ["settings.timeoutSeconds", { settings: { ...defaultRunSettings, timeoutSeconds: 0 } }],
    ["settings.minInstances", { settings: { ...defaultRunSettings, minInstances: 5, maxInstances: 4 } }],
  ])("refuses a bad %s", async (field, changes) => {
    await expect(create(changes)).rejects.toMatchObject({ code: "BAD_USER_INPUT", field });
    expect(await services.functions.count(ctx, {})).toBe(0);
  });

  it("takes source of exactly 256 KiB", async () => {
    const fn = await create({ source: "é".repeat(128 * 1024) });
    expect(await services.functions.version(fn.id, 1)).toMatchObject({ sizeBytes: 256 * 1024 });
  });

  it("refuses an environment that is not there, or in another namespace", async () => {
    await expect(create({ environment: "python" })).rejects.toMatchObject({ code: "NOT_FOUND", field: "environment" });
    await expect(create({ namespace: "other" })).rejects.toMatchObject({ code: "NOT_FOUND", field: "environment" });
    await expect(update({ poolSize: 1 } as object)).rejects.toMatchObject({ code: "NOT_FOUND", field: "name" });
  });

  it("makes a version of each change of what runs", async () => {
    const fn = await create();
    await services.environments.create(ctx, newEnvironment({ name: "node2" }));
    await update({ source: "two" });
    await update({ entrypoint: "three" });
    await update({ variables: [{ name: "FOUR", value: "4" }] });
    const last = await update({ environment: "node2" });
    expect(last).toMatchObject({ currentVersionNumber: 5, revision: 5 });
    expect(await numbersOf(fn.id)).toEqual([5, 4, 3, 2, 1]);
    expect(await services.functions.countVersions([fn.id])).toEqual(new Map([[fn.id, 5]]));
    const five = await services.functions.version(fn.id, 5);
    expect(five).toMatchObject({ entrypoint: "three", variables: [{ name: "FOUR", value: "4" }] });
    expect((await services.functions.sources([last.currentVersionId])).get(last.currentVersionId)).toBe("two");
    expect(await services.functions.version(fn.id, 2)).toMatchObject({ entrypoint: null, variables: [] });
  });

  it("goes back to the default export where the entrypoint is null on purpose", async () => {
    const fn = await create({ entrypoint: "main" });
    await update({ entrypoint: null });
    expect(await services.functions.version(fn.id, 2)).toMatchObject({ entrypoint: null });
  });

  it("makes no version of a change of settings", async () => {
    const fn = await create();
    const changed = await update({ settings: { timeoutSeconds: 5, maxInstances: null } });
    expect(changed).toMatchObject({ currentVersionNumber: 1, revision: 2 });
    expect(changed.settings).toEqual({ ...defaultRunSettings, timeoutSeconds: 5 });
    expect(await numbersOf(fn.id)).toEqual([1]);
    await expect(update({ settings: { minInstances: 101 } })).rejects.toMatchObject({ field: "settings.minInstances" });
  });

  it("makes nothing of a change that makes no difference", async () => {
    const variables = [
      { name: "A", value: "1" },
      { name: "B", value: "2" },
    ];
    const fn = await create({ variables });
    const changed = await update({
      source: newFunction().source,
      environment: "node",
      variables: variables.toReversed(),
      settings: { timeoutSeconds: 60 },
    });
    expect(changed).toMatchObject({ revision: 1, currentVersionNumber: 1 });
    expect(await numbersOf(fn.id)).toEqual([1]);
  });

  it("refuses a change of a revision that has passed", async () => {
    await create();
    await update({ source: "two", expectedRevision: 1 });
    await expect(update({ source: "three", expectedRevision: 1 })).rejects.toMatchObject({ code: "CONFLICT" });
  });

  it("loses no version number when 20 changes come at once", async () => {
    const fn = await create();
    await Promise.all(Array.from({ length: 20 }, (_, index) => update({ source: `version ${index}` })));
    expect(await numbersOf(fn.id)).toEqual(Array.from({ length: 21 }, (_, index) => 21 - index));
    expect(await services.functions.find(ctx, hello)).toMatchObject({ currentVersionNumber: 21, revision: 21 });
  });

  it("loses none when two processes change it at once", async () => {
    const fn = await create();
    const other = await openServices({ url: services.url });
    const changes = Array.from({ length: 20 }, (_, index) =>
      (index % 2 === 0 ? services : other).functions.update(ctx, { ...hello, source: `version ${index}` }),
    );
    await Promise.all(changes).finally(() => other.close());
    expect(await numbersOf(fn.id)).toHaveLength(21);
  });

  it("goes back to an earlier version without making one, and numbers go on", async () => {
    const fn = await create();
    await update({ source: "two" });
    const back = await services.functions.rollback(ctx, hello, 1);
    expect(back).toMatchObject({ currentVersionNumber: 1, currentVersionId: fn.currentVersionId, revision: 3 });
    expect(await services.functions.rollback(ctx, hello, 1)).toMatchObject({ revision: 3 });
    expect(await update({ source: "three" })).toMatchObject({ currentVersionNumber: 3 });
    await expect(services.functions.rollback(ctx, hello, 9)).rejects.toMatchObject({
      code: "NOT_FOUND",
      field: "toVersion",
    });
  });

  it("does not go back to a version whose environment is gone", async () => {
    await create();
    await services.environments.create(ctx, newEnvironment({ name: "node2" }));
    await update({ environment: "node2" });
    await services.environments.delete(ctx, { namespace: "default", name: "node" });
    await expect(services.functions.rollback(ctx, hello, 1)).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(update({ source: "still works" })).resolves.toMatchObject({ currentVersionNumber: 3 });
  });

  it("refuses variables where the environment can't hand them over", async () => {
    await services.environments.create(ctx, newEnvironment({ name: "fission", contract: "FISSION_V2" }));
    const variables = [{ name: "A", value: "1" }];
    const refusal = { code: "BAD_USER_INPUT", field: "variables" };
    await expect(create({ environment: "fission", variables })).rejects.toMatchObject(refusal);
    await create({ variables });
    await expect(update({ environment: "fission" })).rejects.toMatchObject({ ...refusal, field: "environment" });
    await expect(update({ environment: "fission", variables: [] })).resolves.toMatchObject({ currentVersionNumber: 2 });
    await expect(services.functions.rollback(ctx, hello, 1)).resolves.toMatchObject({ currentVersionNumber: 1 });
  });

  it("refuses an entrypoint that the environment's contract does not take", async () => {
    await services.environments.create(ctx, newEnvironment({ name: "v1", contract: "FISSION_V1" }));
    await services.environments.create(ctx, newEnvironment({ name: "v2", contract: "FISSION_V2" }));
    const refusal = { code: "BAD_USER_INPUT", field: "entrypoint" };
    await expect(create({ environment: "v1", entrypoint: "main" })).rejects.toMatchObject(refusal);
    await create({ environment: "v2", entrypoint: "module.main" });
    await expect(update({ environment: "node" })).rejects.toMatchObject({ ...refusal, field: "environment" });
    await update({ environment: "v1", entrypoint: null });
    await expect(services.functions.rollback(ctx, hello, 1)).resolves.toMatchObject({ currentVersionNumber: 1 });
  });

  it("is not deleted with triggers unless they go with it", async () => {
    const fn = await create();
    const trigger = await services.triggers.createHttp(ctx, newTrigger());
    await expect(remove()).rejects.toMatchObject({ code: "IN_USE" });
    expect(await remove(true)).toMatchObject({ id: fn.id });
    expect(await services.functions.find(ctx, hello)).toBeUndefined();
    expect(await services.triggers.find(ctx, trigger.id)).toBeUndefined();
    expect(await services.triggers.byIds([trigger.id])).toHaveLength(1);
    expect(await services.functions.byIds([fn.id])).toHaveLength(1);
    expect(await services.functions.versionsByIds([fn.currentVersionId])).toHaveLength(1);
    const again = await create();
    expect(again.id).not.toBe(fn.id);
    await services.triggers.createHttp(ctx, newTrigger());
  });

  it("makes only one of two with one name", async () => {
    const outcomes = await Promise.allSettled([create(), create()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await services.dataSource.query("SELECT 1 FROM function_version")).toHaveLength(1);
  });
});
