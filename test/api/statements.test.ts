import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Logger as TypeOrmLogger } from "typeorm";
import { ApiHarness } from "../support/api-harness.js";
import { createEnvironment, createFunction, createRoute, someName } from "../support/api-resources.js";

/** Keeps every statement that TypeORM sends. */
class Statements implements TypeOrmLogger {
  readonly sent: string[] = [];
  logQuery(query: string): void {
    this.sent.push(query);
  }
  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}

const FIELDS = `id name environment { name image } currentVersion { number digest variables { name } }
  triggers { id name ... on HttpTrigger { path url } function { name } } instances { id state }`;

describe("statements", () => {
  let api: ApiHarness;
  const statements = new Statements();
  const namespace = someName();

  beforeAll(async () => {
    api = await ApiHarness.start();
    const environments = [
      await createEnvironment(api.client, { namespace }),
      await createEnvironment(api.client, { namespace }),
    ];
    for (let index = 0; index < 50; index++) {
      const name = await createFunction(api.client, { namespace, environment: environments[index % 2] ?? "" });
      await createRoute(api.client, { namespace, function: name });
    }
    Object.assign(api.dataSource, { logger: statements });
    Object.assign(api.dataSource.options, { logging: true });
  });
  afterAll(() => api.stop());

  const count = async (query: string, variables: object): Promise<number> => {
    statements.sent.length = 0;
    await api.client.ok(query, { namespace, ...variables });
    return statements.sent.length;
  };

  it("are as many for a page of 50 functions as for one of 2", async () => {
    const query = `query ($namespace: String, $first: Int!) { functions(namespace: $namespace, first: $first) { nodes { ${FIELDS} } } }`;
    const few = await count(query, { first: 2 });
    const many = await count(query, { first: 50 });
    expect([few, many]).toEqual([5, 5]);
  });

  it("are as many for lists inside of lists", async () => {
    const query = `query ($namespace: String, $first: Int!) { functions(namespace: $namespace, first: $first) { totalCount nodes {
      versions(first: 5) { totalCount nodes { number environment { name } } }
      invocations(first: 5) { nodes { id } } stats { total }
    } } environments(namespace: $namespace) { nodes { functions(first: 5) { totalCount nodes { name } } } } }`;
    const few = await count(query, { first: 2 });
    expect(await count(query, { first: 50 })).toBe(few);
    expect(few).toBeLessThanOrEqual(12);
  });

  it("read source texts only where they are selected", async () => {
    const query = (field: string): string =>
      `query ($namespace: String) { functions(namespace: $namespace) { nodes { currentVersion { ${field} } } } }`;
    await count(query("digest"), {});
    expect(statements.sent.filter((sql) => /\bsource\b/.test(sql))).toEqual([]);
    await count(query("source"), {});
    expect(statements.sent.filter((sql) => /\bsource\b/.test(sql))).toHaveLength(1);
  });

  it("are none where a total is not selected", async () => {
    const query = (field: string): string =>
      `query ($namespace: String) { functions(namespace: $namespace) { ${field} nodes { id } } }`;
    expect([await count(query(""), {}), await count(query("totalCount"), {})]).toEqual([1, 2]);
  });
});
