import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { KubeApi } from "../../src/cluster/kubernetes/kube-api.js";
import { KubeError } from "../../src/cluster/kubernetes/kube-error.js";
import { ObjectSource } from "../../src/cluster/kubernetes/object-source.js";
import { AppError } from "../../src/errors/app-error.js";
import { systemClock } from "../../src/lib/clock.js";
import type { KubernetesObject, ObjectEvent, ObjectSelection } from "../../src/model/kubernetes-object.js";
import { anApiProxy } from "./support/api-proxy.js";
import { aCustomResource } from "./support/custom-resource.js";
import { limitedAccess } from "./support/limited-access.js";
import { aNamespace, connect, describeOnCluster } from "./support/test-cluster.js";
import { until } from "./support/until.js";

describeOnCluster("ObjectSource", () => {
  let api: KubeApi;
  let namespace: string;
  let source: ObjectSource;
  const cleanUps: (() => unknown)[] = [];
  const signal = AbortSignal.timeout(300_000);

  beforeAll(async () => {
    api = connect();
    const room = await aNamespace(api);
    ({ namespace } = room);
    cleanUps.push(() => api.close(), room.remove);
    source = new ObjectSource({ api, clock: systemClock, pageSize: 2 });
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  });

  const maps = (): string => `/api/v1/namespaces/${namespace}/configmaps`;
  const create = (name: string, labels: Record<string, string> = {}): Promise<KubernetesObject> =>
    api.call<KubernetesObject>({ method: "POST", path: maps(), body: { metadata: { name, labels } } });
  const selection = (change: Partial<ObjectSelection> = {}): ObjectSelection => ({
    ...{ apiVersion: "v1", kind: "ConfigMap", namespace, labelSelector: null, fieldSelector: null },
    ...change,
  });
  const listed = async (what: ObjectSelection, from = source): Promise<KubernetesObject[]> => {
    const found = await from.find(what, signal);
    const objects: KubernetesObject[] = [];
    let next: string | undefined;
    do {
      const page = await found.list(next, signal);
      if (page === "EXPIRED") throw new Error("it has expired");
      objects.push(...page.objects);
      ({ next } = page);
    } while (next !== undefined);
    return objects;
  };
  const names = (objects: readonly KubernetesObject[]): string[] => objects.map(({ metadata }) => metadata.name);
  const versionNow = async (what: ObjectSelection): Promise<string> => {
    const page = await (await source.find(what, signal)).list(undefined, signal);
    return page === "EXPIRED" ? "" : page.version;
  };

  it("lists in pages what the selectors find, and says of each what it is", async () => {
    for (const name of ["a", "b", "c"]) await create(name, { which: name === "b" ? "other" : "these" });
    const of = (change: Partial<ObjectSelection>) => listed(selection(change)).then(names);
    expect(await of({ labelSelector: "which" })).toEqual(["a", "b", "c"]);
    expect(await of({ labelSelector: "which in (these)" })).toEqual(["a", "c"]);
    expect(await of({ labelSelector: "which=these", fieldSelector: "metadata.name=c" })).toEqual(["c"]);
    expect(await of({ namespace: null, labelSelector: "which=other" })).toContain("b");
    expect((await listed(selection({ labelSelector: "which" })))[0]).toMatchObject({
      apiVersion: "v1",
      kind: "ConfigMap",
    });
  });

  it("knows the latest version, also where nothing is selected", async () => {
    const found = await source.find(selection({ labelSelector: "nobody=has-this" }), signal);
    const made = await create("latest");
    expect(Number(await found.version(signal))).toBeGreaterThanOrEqual(Number(made.metadata.resourceVersion));
  });

  it("watches from where a list has ended, and ends by itself", async () => {
    const quick = new ObjectSource({ api, clock: systemClock, watchSeconds: 2 });
    const what = selection({ labelSelector: "watched" });
    const from = await versionNow(what);
    const made = await create("w", { watched: "yes" });
    await api.call({ method: "DELETE", path: `${maps()}/w` });
    const events: ObjectEvent[] = [];
    for await (const event of await (await quick.find(what, signal)).watch(from, signal)) events.push(event);
    expect(events.filter(({ type }) => type !== "BOOKMARK")).toMatchObject([
      { type: "ADDED", object: { kind: "ConfigMap", metadata: { name: "w", uid: made.metadata.uid } } },
      { type: "DELETED", object: { metadata: { uid: made.metadata.uid } } },
    ]);
  });

  it("says that a version is too old, and a list", async () => {
    const custom = await aCustomResource(api);
    cleanUps.push(custom.remove);
    const found = await source.find(selection({ apiVersion: custom.apiVersion, kind: custom.kind }), signal);
    const events: ObjectEvent[] = [];
    for await (const event of await found.watch("1", signal)) events.push(event);
    expect(events).toEqual([{ type: "EXPIRED" }]);
    const expired = (): Promise<never> => Promise.reject(new KubeError(410, "Expired", "too old"));
    const aged = new ObjectSource({
      api: { server: api.server, stream: expired, call: (request) => (request.query ? expired() : api.call(request)) },
      clock: systemClock,
    });
    const lost = await aged.find(selection(), signal);
    expect(await lost.list("next", signal)).toBe("EXPIRED");
    for await (const event of await lost.watch("1", signal)) expect(event).toEqual({ type: "EXPIRED" });
  });

  it("finds custom kinds, and no longer when they are no more", async () => {
    const custom = await aCustomResource(api);
    const what = selection({ apiVersion: custom.apiVersion, kind: custom.kind });
    const body = { apiVersion: custom.apiVersion, kind: custom.kind, metadata: { name: "hi" }, spec: { to: "you" } };
    await api.call({ method: "POST", path: custom.path(namespace), body });
    expect(await listed(what)).toMatchObject([{ kind: custom.kind, metadata: { name: "hi" }, spec: { to: "you" } }]);
    await custom.remove();
    const gone = async (): Promise<boolean> =>
      listed(what).then(
        () => false,
        (error: unknown) => error instanceof AppError && error.code === "NOT_FOUND",
      );
    await until("the kind is gone", gone);
  });

  const wrong: [string, Partial<ObjectSelection>, string, RegExp][] = [
    ["an unknown apiVersion", { apiVersion: "none/v1" }, "NOT_FOUND", /no apiVersion none\/v1/],
    ["an unknown kind", { kind: "configmap" }, "NOT_FOUND", /no kind configmap in v1/],
    ["a kind that nobody can list", { kind: "Binding" }, "BAD_USER_INPUT", /nobody watch/],
    ["a namespace for what has none", { kind: "Node" }, "BAD_USER_INPUT", /in no namespace/],
    ["a bad label selector", { labelSelector: "a in (" }, "BAD_USER_INPUT", /can't select so/],
    ["a field that can't be selected by", { fieldSelector: "data.a=1" }, "BAD_USER_INPUT", /can't select so/],
  ];
  it.each(wrong)("says what is wrong with %s", async (_what, change, code, message) => {
    const error = (await listed(selection(change)).catch((cause: unknown) => cause)) as Error;
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it("says what may not be watched, and until when", async () => {
    const access = await limitedAccess(api, namespace);
    const limited = connect(access.file);
    cleanUps.push(access.remove, () => limited.close());
    const from = new ObjectSource({ api: limited, clock: systemClock });
    const attempt = () => listed(selection(), from).catch((error: unknown) => error as Error);
    expect(await attempt()).toMatchObject({
      code: "FORBIDDEN",
      message: expect.stringMatching(/^Fermi may not watch the kind ConfigMap in the namespace .*cannot list resource/),
    });
    await access.grant([{ apiGroups: [""], resources: ["configmaps"], verbs: ["list"] }]);
    await until("it may list", async () => Array.isArray(await attempt()));
    const found = await from.find(selection(), signal);
    await expect(found.watch(await versionNow(selection()), signal)).rejects.toMatchObject({ code: "FORBIDDEN" });
  });

  it("says in time that the API is away, and ends a watch that hangs", async () => {
    const way = await anApiProxy();
    const proxied = connect(way.file);
    cleanUps.push(way.stop, () => proxied.close());
    const from = new ObjectSource({ api: proxied, clock: systemClock, watchSeconds: 1 });
    const found = await from.find(selection(), signal);
    const events = await found.watch(await versionNow(selection()), signal);
    way.proxy.freeze();
    for await (const event of events) expect(event.type).toBe("BOOKMARK");
    way.proxy.thaw();
    await way.proxy.goAway();
    await expect(from.find(selection(), signal)).rejects.toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
    await expect(found.list(undefined, signal)).rejects.toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
  });

  it("lets go when told to", async () => {
    const over = new AbortController();
    const found = await source.find(selection(), over.signal);
    const events = await found.watch(await versionNow(selection()), over.signal);
    over.abort(new Error("over"));
    for await (const event of events) expect(event.type).toBe("BOOKMARK");
    await expect(found.list(undefined, over.signal)).rejects.toThrow("over");
  });
});
