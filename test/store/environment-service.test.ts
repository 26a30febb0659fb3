import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { EnvironmentChange, NewEnvironment } from "../../src/model/inputs.js";
import { ctx, newEnvironment, newFunction, openServices, type Services } from "./support/open-services.js";

const none = { cpuRequest: null, cpuLimit: null, memoryRequest: null, memoryLimit: null };
const node = { namespace: "default", name: "node" };

describe("EnvironmentService", () => {
  let services: Services;
  beforeAll(async () => {
    const refuseImage = (image: string): string | undefined =>
      image.startsWith("fermi/") ? undefined : "image must be one of fermi/nodejs, fermi/python.";
    services = await openServices({ images: { refuseImage } });
  });
  afterEach(() => services.clear());
  afterAll(() => services.close());

  const create = (changes: Partial<NewEnvironment> = {}) => services.environments.create(ctx, newEnvironment(changes));
  const update = (changes: Partial<EnvironmentChange>) => services.environments.update(ctx, { ...node, ...changes });

  it("stores what it is given, with defaults for the rest", async () => {
    const created = await create({ resources: { memoryLimit: "256Mi" } });
    expect(created).toMatchObject({ ...newEnvironment(), revision: 1, resources: { ...none, memoryLimit: "256Mi" } });
    const found = await services.environments.find(ctx, node);
    expect({ ...found }).toEqual(created);
    expect(found?.createdAt).toBeInstanceOf(Date);
  });

  it("refuses a name that is taken, and takes it once its bearer is deleted", async () => {
    const first = await create();
    await expect(create()).rejects.toMatchObject({ code: "ALREADY_EXISTS", field: "name" });
    expect(await create({ namespace: "other" })).toMatchObject({ namespace: "other" });
    await services.environments.delete(ctx, node);
    const second = await create();
    expect(second.id).not.toBe(first.id);
    const both = await services.environments.byIds([first.id, second.id, first.id]);
    expect(both.map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
  });

  it.each([
    ["name", { name: "Node" }],
    ["namespace", { namespace: "a".repeat(64) }],
    ["image", { image: "fermi/nodejs latest" }],
    ["poolSize", { poolSize: 101 }],
    ["gracePeriodSeconds", { gracePeriodSeconds: 3_601 }],
    ["resources.memoryLimit", { resources: { memoryLimit: "lots" } }],
    ["resources.cpuRequest", { resources: { cpuRequest: "2", cpuLimit: "500m" } }],
  ])("refuses a bad %s, names the field and does not repeat what was sent", async (field, changes) => {
    const error: unknown = await create(changes).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "BAD_USER_INPUT", field });
    for (const value of Object.values(changes)) {
      if (typeof value === "string") expect((error as Error).message).not.toContain(value);
    }
  });

  it("hands on why the cluster can't run an image, at creation and at change", async () => {
    const refusal = {
      code: "BAD_USER_INPUT",
      field: "image",
      message: "image must be one of fermi/nodejs, fermi/python.",
    };
    await expect(create({ image: "acme/cobol" })).rejects.toMatchObject(refusal);
    await create();
    await expect(update({ image: "acme/cobol" })).rejects.toMatchObject(refusal);
    expect(await update({ image: "fermi/python:3" })).toMatchObject({ image: "fermi/python:3", revision: 2 });
  });

  it("changes only what is given and counts revisions", async () => {
    const created = await create({ resources: { cpuLimit: "1" } });
    const changed = await update({ poolSize: 5, resources: { memoryLimit: "1Gi" } });
    expect(changed).toMatchObject({ image: created.image, poolSize: 5, revision: 2 });
    expect(changed.resources).toEqual({ ...none, cpuLimit: "1", memoryLimit: "1Gi" });
    expect(changed.updatedAt.getTime()).toBeGreaterThanOrEqual(created.updatedAt.getTime());
    expect((await update({ resources: { cpuLimit: null } })).resources).toEqual({ ...none, memoryLimit: "1Gi" });
    expect(await services.environments.find(ctx, node)).toMatchObject({ revision: 3, poolSize: 5 });
  });

  it("leaves the revision where a change makes no difference", async () => {
    const created = await create();
    expect(await update({ poolSize: created.poolSize, image: created.image })).toMatchObject({ revision: 1 });
  });

  it("refuses a change of a revision that has passed", async () => {
    await create();
    await update({ poolSize: 1, expectedRevision: 1 });
    await expect(update({ poolSize: 2, expectedRevision: 1 })).rejects.toMatchObject({
      code: "CONFLICT",
      field: "expectedRevision",
    });
  });

  it("says NOT_FOUND of what is not there", async () => {
    await expect(update({ poolSize: 1 })).rejects.toMatchObject({ code: "NOT_FOUND", field: "name" });
    await expect(services.environments.delete(ctx, node)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(services.environments.delete(ctx, { ...node, name: "a\0b" })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    expect(await services.environments.find(ctx, node)).toBeUndefined();
    expect(await services.environments.byIds(["no-id"])).toEqual([]);
  });

  it("is not deleted while a function uses it", async () => {
    await create();
    await services.functions.create(ctx, newFunction());
    await expect(services.environments.delete(ctx, node)).rejects.toMatchObject({
      code: "IN_USE",
      message: expect.stringContaining("1 function;"),
    });
    await services.functions.delete(ctx, { namespace: "default", name: "hello" }, { deleteTriggers: false });
    expect(await services.environments.delete(ctx, node)).toMatchObject({ name: "node" });
    expect(await services.environments.count(ctx, {})).toBe(0);
  });

  it("is not deleted under a function that is being created", async () => {
    await create();
    const outcomes = await Promise.allSettled([
      services.functions.create(ctx, newFunction()),
      services.environments.delete(ctx, node),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  it("keeps the contract FERMI while a function has variables", async () => {
    await create();
    await services.functions.create(ctx, newFunction({ variables: [{ name: "A", value: "1" }] }));
    await expect(update({ contract: "FISSION_V2" })).rejects.toMatchObject({ code: "IN_USE" });
    await services.functions.update(ctx, { namespace: "default", name: "hello", variables: [] });
    expect(await update({ contract: "FISSION_V2" })).toMatchObject({ contract: "FISSION_V2" });
  });
});
