import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { DataSource } from "typeorm";
import { newId } from "../../src/lib/new-id.js";
import type { KubernetesObjectMetadata } from "../../src/model/kubernetes-object.js";
import { buildDataSource } from "../../src/store/data-source.js";
import { WatchProgressRepository, type WatchProgress } from "../../src/store/repositories/watch-progress.repository.js";
import { testDatabase, type TestDatabase } from "../support/test-database.js";

const triggerId = newId();
const object = (uid: string, resourceVersion: string, namespace?: string): KubernetesObjectMetadata => ({
  ...{ uid, name: `name-${uid}`, resourceVersion, labels: { app: "x" } },
  ...(namespace !== undefined && { namespace }),
});
const progress = (change: Partial<WatchProgress> = {}): WatchProgress => ({
  ...{ triggerId, selection: "pods", position: undefined, told: new Map(), forgotten: new Set<string>() },
  ...change,
});
const told = (...objects: KubernetesObjectMetadata[]): WatchProgress["told"] =>
  new Map(objects.map((metadata) => [metadata.uid, { metadata, isGone: false }]));

describe("WatchProgressRepository", () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let repository: WatchProgressRepository;
  beforeAll(async () => {
    database = await testDatabase();
    dataSource = await buildDataSource({ url: database.url }).initialize();
    repository = new WatchProgressRepository(dataSource);
  });
  afterEach(() => dataSource.query("TRUNCATE watch_object, watch_progress"));
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  it("keeps what was told, and how far", async () => {
    const term = await repository.beginTerm();
    expect(await repository.load(triggerId, "pods")).toEqual({ position: null, objects: new Map() });
    await repository.write(term, [progress({ told: told(object("a", "1"), object("b", "2", "n")) })]);
    await repository.write(term, [progress({ position: "7", told: told(object("a", "3")) })]);
    await repository.write(term, [
      progress({ told: new Map([["b", { metadata: object("b", "2", "n"), isGone: true }]]) }),
    ]);
    expect(await repository.load(triggerId, "pods")).toEqual({
      position: "7",
      objects: new Map([
        ["a", { version: "3", name: "name-a", isGone: false }],
        ["b", { version: "2", name: "n/name-b", isGone: true }],
      ]),
    });
    expect(await repository.metadata(triggerId, ["a", "none"])).toEqual([object("a", "3")]);
  });

  it("forgets objects and positions when told to, and positions of another selection", async () => {
    const term = await repository.beginTerm();
    await repository.write(term, [progress({ position: "7", told: told(object("a", "1"), object("b", "1")) })]);
    await repository.write(term, [progress({ forgotten: new Set(["a"]) })]);
    const other = await repository.load(triggerId, "services");
    expect([other.position, [...other.objects.keys()]]).toEqual([null, ["b"]]);
    expect((await repository.load(triggerId, "pods")).position).toBe("7");
    await repository.write(term, [progress({ position: null })]);
    expect((await repository.load(triggerId, "pods")).position).toBeNull();
  });

  it("ignores what is written of an earlier term", async () => {
    const deposed = await repository.beginTerm();
    const term = await repository.beginTerm();
    expect(await repository.write(term, [progress({ position: "9", told: told(object("a", "9")) })])).toBe(true);
    expect(await repository.write(deposed, [progress({ position: "5", told: told(object("a", "5")) })])).toBe(false);
    const { position, objects } = await repository.load(triggerId, "pods");
    expect([position, objects.get("a")?.version]).toEqual(["9", "9"]);
  });

  it("lets a term begin only when a write of the one before is over", async () => {
    const term = await repository.beginTerm();
    const many = Array.from({ length: 2_000 }, (_, i) => object(`o${i}`, "1"));
    const [isWritten, next] = await Promise.all([
      repository.write(term, [progress({ told: told(...many) })]),
      repository.beginTerm(),
    ]);
    expect(next).toBe(term + 1);
    const { objects } = await repository.load(triggerId, "pods");
    expect(objects.size).toBe(isWritten ? 2_000 : 0);
  });

  it("takes away what is left of triggers that are no more", async () => {
    const term = await repository.beginTerm();
    await repository.write(term, [progress({ position: "7", told: told(object("a", "1")) })]);
    await repository.prune();
    expect(await repository.load(triggerId, "pods")).toEqual({ position: null, objects: new Map() });
  });
});
