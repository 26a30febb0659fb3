import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import pg from "pg";
import { follow } from "../../src/lib/ordered-source.js";
import type { Change } from "../../src/model/change.js";
import { ChangeFeed } from "../../src/store/change-feed.js";
import { Wakeups } from "../../src/store/wakeups.js";
import { ctx, newEnvironment, newFunction, newTrigger, openServices, type Services } from "./support/open-services.js";

const told = ({ type, kind, resource }: Change): string => `${type} ${kind} ${resource.name}`;

describe("ChangeFeed", () => {
  let services: Services;
  let wakeups: Wakeups;
  let feed: ChangeFeed;
  beforeAll(async () => {
    services = await openServices();
  });
  afterAll(() => services.close());
  beforeEach(() => {
    wakeups = new Wakeups({ url: services.url });
    wakeups.start();
    feed = new ChangeFeed(services.dataSource, wakeups);
  });
  afterEach(async () => {
    await wakeups.stop();
    await services.clear();
  });

  async function take(count: number, filter: { namespace?: string }, from: string): Promise<Change[]> {
    const stopping = new AbortController();
    const taken: Change[] = [];
    for await (const change of follow(feed, filter, from, stopping.signal)) {
      if (taken.push(change) === count) stopping.abort();
    }
    return taken;
  }

  it("tells what was written, as it was then, in order", async () => {
    const start = await feed.latest();
    const environment = await services.environments.create(ctx, newEnvironment());
    const fn = await services.functions.create(ctx, newFunction());
    await services.triggers.createHttp(ctx, newTrigger());
    const updated = await services.functions.update(ctx, { ...newFunction(), source: "two" });
    await services.functions.delete(ctx, fn, { deleteTriggers: true });
    const changes = await take(6, {}, start);
    expect(changes.map(told)).toEqual([
      "CREATED Environment node",
      "CREATED Function hello",
      "CREATED HttpTrigger get-hello",
      "UPDATED Function hello",
      "DELETED HttpTrigger get-hello",
      "DELETED Function hello",
    ]);
    expect(changes.slice(0, 2).map(({ resource }) => resource)).toEqual([environment, fn]);
    expect(changes[5]?.resource).toEqual(updated);
    expect(changes[2]?.resource).toMatchObject({ kind: "HTTP", path: "/hello" });
    const sequences = changes.map(({ sequence }) => BigInt(sequence));
    expect(sequences.toSorted((a, b) => Number(a - b))).toEqual(sequences);
    expect(await feed.latest()).toBe(changes[5]?.sequence);
  });

  it("says nothing of what was refused or made no difference", async () => {
    await services.environments.create(ctx, newEnvironment());
    const start = await feed.latest();
    await services.environments.update(ctx, { ...newEnvironment() });
    await expect(services.environments.create(ctx, newEnvironment())).rejects.toThrow();
    expect((await feed.read(start, {}, 10)).items).toEqual([]);
  });

  it("keeps to a namespace, and its position moves past the others", async () => {
    const start = await feed.latest();
    await services.environments.create(ctx, newEnvironment({ namespace: "a" }));
    await services.environments.create(ctx, newEnvironment({ namespace: "b" }));
    const { items, position } = await feed.read(start, { namespace: "a" }, 10);
    expect(items.map(({ resource }) => resource.namespace)).toEqual(["a"]);
    expect(position).toBe(await feed.latest());
    expect(await feed.read(position, {}, 10)).toEqual({ items: [], position });
  });

  it("reads in portions without gap or repeat", async () => {
    const start = await feed.latest();
    for (const name of ["a", "b", "c"]) await services.environments.create(ctx, newEnvironment({ name }));
    const first = await feed.read(start, {}, 2);
    const second = await feed.read(first.position, {}, 2);
    expect([...first.items, ...second.items].map(({ resource }) => resource.name)).toEqual(["a", "b", "c"]);
  });

  it("gives every follower every change in one order, however many write at once", async () => {
    const start = await feed.latest();
    const other = await openServices({ url: services.url });
    const count = 60;
    const followers = [take(count, {}, start), take(count, {}, start)];
    const writes = Array.from({ length: count }, (_, index) =>
      (index % 2 === 0 ? services : other).environments.create(ctx, newEnvironment({ name: `e-${index}` })),
    );
    await Promise.all(writes).finally(() => other.close());
    const [a, b] = (await Promise.all(followers)).map((changes) => changes.map(told));
    expect(a).toEqual(b);
    expect(new Set(a).size).toBe(count);
  });

  it("wakes a follower at once", async () => {
    const start = await feed.latest();
    const stopping = new AbortController();
    await feed.wait(stopping.signal);
    const slow = new Wakeups({ url: services.url, floorMs: 60_000 });
    slow.start();
    const patient = new ChangeFeed(services.dataSource, slow);
    // The first wait ends when the connection listens.
    await patient.wait(stopping.signal);
    const woken = patient.wait(stopping.signal);
    await services.environments.create(ctx, newEnvironment());
    await woken;
    expect((await patient.read(start, {}, 10)).items).toHaveLength(1);
    await slow.stop();
  });

  it("loses nothing when notifications are lost", async () => {
    const start = await feed.latest();
    const deaf = new Wakeups({ url: services.url });
    const late = new ChangeFeed(services.dataSource, deaf);
    const stopping = new AbortController();
    const reader = follow(late, {}, start, stopping.signal);
    const next = reader.next();
    await services.environments.create(ctx, newEnvironment());
    expect(told((await next).value as Change)).toBe("CREATED Environment node");
    stopping.abort();
    await deaf.stop();
  });

  it("listens again when its connection is ended", async () => {
    const patient = new Wakeups({ url: services.url, floorMs: 60_000 });
    patient.start();
    const { signal } = new AbortController();
    await patient.wait("fermi_change", signal);
    const admin = new pg.Client({ connectionString: services.url });
    await admin.connect();
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'fermi-wakeups' AND datname = current_database()`,
    );
    // Everybody looks again once it listens again, since something may have been announced in between.
    await patient.wait("fermi_change", signal);
    const woken = patient.wait("fermi_change", signal);
    await admin.query("NOTIFY fermi_change");
    await woken;
    await admin.end();
    await patient.stop();
  });

  it("ends a wait when its signal aborts, and all when it stops", async () => {
    const patient = new Wakeups({ url: services.url, floorMs: 60_000 });
    const stopping = new AbortController();
    const first = patient.wait("fermi_log", stopping.signal);
    stopping.abort();
    await first;
    const second = patient.wait("fermi_invocation", new AbortController().signal);
    await patient.stop();
    await second;
  });
});
