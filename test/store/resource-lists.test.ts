import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Page, PageRequest } from "../../src/model/page.js";
import { ctx, newEnvironment, newFunction, newTrigger, openServices, type Services } from "./support/open-services.js";

const namesOf = (page: Page<{ name: string }> | undefined): string[] => page?.edges.map(({ node }) => node.name) ?? [];

describe("Lists of resources", () => {
  let services: Services;
  let environmentIds: string[];
  beforeAll(async () => {
    services = await openServices();
    environmentIds = [];
    for (const [namespace, name] of [
      ["default", "node"],
      ["default", "python"],
      ["another", "node"],
    ] as const) {
      environmentIds.push((await services.environments.create(ctx, newEnvironment({ namespace, name }))).id);
    }
    for (const name of ["f-3", "f-1", "f-2", "g-1", "f-10"]) {
      await services.functions.create(ctx, newFunction({ name }));
      await services.triggers.createHttp(ctx, newTrigger({ function: name, path: `/${name}` }));
    }
    await services.functions.create(ctx, newFunction({ namespace: "another", name: "z" }));
    await services.functions.create(ctx, newFunction({ name: "py", environment: "python" }));
    const gone = await services.functions.create(ctx, newFunction({ name: "f-0" }));
    await services.functions.delete(ctx, gone, { deleteTriggers: false });
  });
  afterAll(() => services.close());

  const list = (page: PageRequest, filter = {}) => services.functions.list(ctx, filter, page);

  it("are in the order of namespace and name, by bytes", async () => {
    expect(namesOf(await list({ first: 50 }))).toEqual(["z", "f-1", "f-10", "f-2", "f-3", "g-1", "py"]);
    expect(namesOf(await services.environments.list(ctx, {}, { first: 50 }))).toEqual(["node", "node", "python"]);
  });

  it("are paged without gap and repeat, forwards and backwards", async () => {
    const first = await list({ first: 3 });
    expect([namesOf(first), first.hasNextPage, first.hasPreviousPage]).toEqual([["z", "f-1", "f-10"], true, false]);
    const second = await list({ first: 3, after: first.edges[2]?.cursor });
    expect([namesOf(second), second.hasNextPage, second.hasPreviousPage]).toEqual([["f-2", "f-3", "g-1"], true, true]);
    const third = await list({ first: 3, after: second.edges[2]?.cursor });
    expect([namesOf(third), third.hasNextPage]).toEqual([["py"], false]);
    const back = await list({ last: 2, before: second.edges[0]?.cursor });
    expect(namesOf(back)).toEqual(["f-1", "f-10"]);
    expect([back.hasNextPage, back.hasPreviousPage]).toEqual([true, true]);
  });

  it("stay in step when something is put in before the cursor", async () => {
    const first = await list({ first: 2 });
    const added = await services.functions.create(ctx, newFunction({ name: "a-new" }));
    expect(namesOf(await list({ first: 2, after: first.edges[1]?.cursor }))).toEqual(["f-10", "f-2"]);
    await services.functions.delete(ctx, added, { deleteTriggers: false });
  });

  it("can be narrowed, and counted so", async () => {
    const cases = [
      [{ namespace: "another" }, ["z"]],
      [{ environment: "python" }, ["py"]],
      [{ environment: "node", namespace: "default", search: "-1" }, ["f-1", "f-10", "g-1"]],
      [{ search: "F-1" }, ["f-1", "f-10"]],
      [{ search: "%" }, []],
      [{ namespace: "No Such\0" }, []],
    ] as const;
    for (const [filter, names] of cases) {
      expect(namesOf(await list({ first: 50 }, filter))).toEqual(names);
      expect(await services.functions.count(ctx, filter)).toBe(names.length);
    }
  });

  it("of triggers can be narrowed by function and kind", async () => {
    const cases = [
      [{ function: "f-1" }, 1],
      [{ kind: "HTTP" }, 5],
      [{ kind: "TIME" }, 0],
      [{ namespace: "another" }, 0],
    ] as const;
    for (const [filter, count] of cases) {
      expect((await services.triggers.list(ctx, filter, { first: 50 })).edges).toHaveLength(count);
      expect(await services.triggers.count(ctx, filter)).toBe(count);
    }
  });

  it.each([["nonsense"], ["WyJhIl0"], [Buffer.from(`["a","b\\u0000"]`).toString("base64url")], [""]])(
    "refuse the cursor %j",
    async (after) => {
      await expect(list({ first: 1, after })).rejects.toMatchObject({ code: "BAD_USER_INPUT", field: "after" });
    },
  );

  it("refuse a search that no name can hold", () => {
    expect(() => list({ first: 1 }, { search: "\0" })).toThrow(expect.objectContaining({ field: "search" }));
  });

  it("give a page for each of many parents in one statement", async () => {
    const [node, python] = environmentIds as [string, string, string];
    const pages = await services.functions.ofEnvironments(ctx, [node, python, node, "no-id"], { first: 2 });
    expect([...pages.keys()]).toEqual([node, python]);
    expect([namesOf(pages.get(node)), pages.get(node)?.hasNextPage]).toEqual([["f-1", "f-10"], true]);
    expect([namesOf(pages.get(python)), pages.get(python)?.hasNextPage]).toEqual([["py"], false]);
    const after = pages.get(node)?.edges[1]?.cursor;
    const next = await services.functions.ofEnvironments(ctx, [node, python], { first: 9, after });
    expect(namesOf(next.get(node))).toEqual(["f-2", "f-3", "g-1"]);
    expect(await services.functions.countOfEnvironments(environmentIds)).toEqual(
      new Map(environmentIds.map((id, index) => [id, [5, 1, 1][index] ?? -1])),
    );
  });

  it("give versions newest first, paged", async () => {
    const fn = await services.functions.find(ctx, { namespace: "default", name: "g-1" });
    const id = fn?.id ?? "";
    for (const source of ["two", "three", "four"]) {
      await services.functions.update(ctx, { namespace: "default", name: "g-1", source });
    }
    const page = (await services.functions.versions(ctx, [id], { first: 3 })).get(id);
    expect(page?.edges.map(({ node }) => node.number)).toEqual([4, 3, 2]);
    const next = (await services.functions.versions(ctx, [id], { first: 3, after: page?.edges[2]?.cursor })).get(id);
    expect([next?.edges.map(({ node }) => node.number), next?.hasNextPage]).toEqual([[1], false]);
    expect(page?.edges[0]?.node).not.toHaveProperty("source");
  });
});
