/** What Kubernetes watch triggers have told survives: a process that ends, a cluster that forgets, an API that is away. */
import { afterAll, beforeAll, beforeEach, expect, it } from "@jest/globals";
import pg from "pg";
import type { KubeApi } from "../../src/cluster/kubernetes/kube-api.js";
import { temporaryFolder, type Fermi } from "../support/harness.js";
import { testDatabase, type TestDatabase } from "../support/test-database.js";
import type { TcpProxy } from "../store/support/tcp-proxy.js";
import { anApiProxy } from "./support/api-proxy.js";
import { aCustomResource, type CustomResource } from "./support/custom-resource.js";
import { passOn, Sink } from "./support/sink.js";
import { aNamespace, connect, describeOnCluster } from "./support/test-cluster.js";
import { until } from "./support/until.js";
import { createFunction, createWatch, startWatching, untilCondition } from "./support/watching.js";

describeOnCluster("Kubernetes watch triggers, over restarts and outages", () => {
  let api: KubeApi;
  let database: TestDatabase;
  let proxy: TcpProxy;
  let file: string;
  let dataDir: string;
  let fermi: Fermi;
  let sink: Sink;
  let namespace: string;
  let custom: CustomResource;
  let id: string;
  let count = 0;
  const cleanUps: (() => unknown)[] = [];

  const start = (): Promise<Fermi> => startWatching({ DATABASE_URL: database.url }, { file, dataDir });
  const path = (name = ""): string => `${custom.path(namespace)}/${name}`.replace(/\/$/, "");
  const create = async (name: string): Promise<void> => {
    const body = { apiVersion: custom.apiVersion, kind: custom.kind, metadata: { name, labels: { app: name } } };
    await api.call({ method: "POST", path: path(), body });
  };
  const change = async (name: string): Promise<void> => {
    const contentType = "application/merge-patch+json";
    await api.call({ method: "PATCH", path: path(name), body: { spec: { changed: `${++count}` } }, contentType });
  };
  const remove = async (name: string): Promise<void> => {
    await api.call({ method: "DELETE", path: path(name) });
  };
  const news = async (atLeast: number): Promise<string[]> => {
    await sink.of(atLeast);
    const events = sink.events;
    sink.posted.splice(0);
    return events;
  };

  beforeAll(async () => {
    api = connect();
    database = await testDatabase();
    const way = await anApiProxy();
    ({ proxy, file } = way);
    dataDir = await temporaryFolder();
    custom = await aCustomResource(api, "Thing");
    cleanUps.push(
      () => api.close(),
      () => database.drop(),
      way.stop,
      custom.remove,
    );
    fermi = await start();
    cleanUps.push(() => fermi.stop());
  }, 90_000);
  beforeEach(async () => {
    const room = await aNamespace(api);
    ({ namespace } = room);
    sink = await Sink.start();
    const started = sink;
    cleanUps.push(room.remove, () => started.stop());
    const name = `watch-${++count}`;
    await createFunction(fermi, name, passOn(sink.url));
    const { apiVersion, kind } = custom;
    for (const object of ["same", "changed", "gone", "again"]) await create(object);
    id = await createWatch(fermi, { name, function: name, apiVersion, kind, watchNamespace: namespace });
    expect((await news(4)).sort()).toEqual(["ADDED again", "ADDED changed", "ADDED gone", "ADDED same"]);
    await untilCondition(fermi, id, "READY");
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  }, 60_000);

  const happenings = async (): Promise<void> => {
    await change("changed");
    await change("changed");
    await remove("gone");
    await remove("again");
    await create("again");
    await create("new");
  };
  /** So many are told, and what came before one more; whatever would be told twice has had its time. */
  const told = async (count: number): Promise<string[]> => {
    await sink.of(count);
    const events = sink.events;
    await create("last");
    await until("the last", () => sink.events.includes("ADDED last"));
    expect(sink.posted).toHaveLength(count + 1);
    return events;
  };

  /** A cluster that is busy may begin its own memory anew at any time; what came before is forgotten then. */
  const hasForgotten = async (): Promise<boolean> => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query("SELECT position FROM watch_progress WHERE trigger_id = $1", [id]);
    await client.end();
    const { position } = rows[0] as { position: string | null };
    expect(position).toMatch(/^\d+$/);
    const query = `watch=1&timeoutSeconds=1&resourceVersion=${position}`;
    // Events come one to a line, which is no JSON; that there are none from there on is.
    const told = api.call({ method: "GET", path: `${path()}?${query}` });
    return told.then(
      (answer) => JSON.stringify(answer).includes("410"),
      (error: unknown) => String(error).includes("410"),
    );
  };

  it("go on after a restart with what happened meanwhile, one by one, and repeat nothing", async () => {
    await fermi.stop();
    await happenings();
    const isForgotten = await hasForgotten();
    fermi = await start();
    // As in the next test.
    if (isForgotten) {
      await told(5);
      return;
    }
    const events = await told(6);
    const of = (name: string): string[] => events.filter((event) => event.endsWith(` ${name}`));
    expect(of("changed")).toEqual(["MODIFIED changed", "MODIFIED changed"]);
    expect(of("gone")).toEqual(["DELETED gone"]);
    expect(of("again")).toEqual(["DELETED again", "ADDED again"]);
    expect(sink.posted.every(({ headers }) => headers["x-partial"] === "false")).toBe(true);
  }, 90_000);

  it("list anew where the cluster has forgotten, and tell only what is different", async () => {
    await fermi.stop();
    await happenings();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query("UPDATE watch_progress SET position = '1' WHERE trigger_id = $1", [id]);
    await client.end();
    fermi = await start();
    const events = await told(5);
    expect(events.slice().sort()).toEqual(
      ["ADDED again", "ADDED new", "DELETED again", "DELETED gone", "MODIFIED changed"].sort(),
    );
    expect(events.indexOf("DELETED again")).toBeLessThan(events.indexOf("ADDED again"));
    const gone = sink.posted.find(({ headers }) => headers["x-object"] === "gone")!;
    expect(gone.headers["x-partial"]).toBe("true");
    expect(JSON.parse(gone.body)).toMatchObject({
      ...{ apiVersion: custom.apiVersion, kind: custom.kind },
      metadata: { name: "gone", namespace, labels: { app: "gone" }, uid: expect.any(String) },
    });
  }, 90_000);

  it("lose nothing to kill -9, and repeat no more than the last moment's", async () => {
    for (let i = 0; i < 20; i++) await create(`object-${i}`);
    await sink.of(5);
    await fermi.kill();
    await happenings();
    fermi = await start();
    await create("last");
    await until("the last", () => sink.events.includes("ADDED last"));
    await sink.of(20 + 6 + 1);
    const added = Array.from({ length: 20 }, (_, i) => `ADDED object-${i}`);
    await until("all", () => added.every((event) => sink.events.includes(event)));
    // What was told in the last moment may be told once more.
    expect(sink.events.filter((event) => event === "DELETED gone")).toHaveLength(1);
  }, 90_000);

  it("say that the API is away, and tell afterwards what happened meanwhile", async () => {
    await proxy.goAway();
    expect(await untilCondition(fermi, id, "FAILING")).toMatch(/can't be watched for now: the Kubernetes API can't be/);
    await happenings();
    await proxy.comeBack();
    expect(await told(6)).toContain("DELETED gone");
    await untilCondition(fermi, id, "READY");
  }, 90_000);

  it("notice an API that hangs, without a connection being lost", async () => {
    proxy.freeze();
    await happenings();
    await untilCondition(fermi, id, "FAILING");
    proxy.thaw();
    expect(await told(6)).toContain("DELETED gone");
    await untilCondition(fermi, id, "READY");
  }, 120_000);
});
