/** Kubernetes watch triggers, through the front door: a Fermi of this machine, functions in it, a real cluster's objects. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "@jest/globals";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import type { KubeApi } from "../../src/cluster/kubernetes/kube-api.js";
import { eventually, repository, type Fermi } from "../support/harness.js";
import { aCustomResource } from "./support/custom-resource.js";
import { kubectl } from "./support/kubectl.js";
import { limitedAccess } from "./support/limited-access.js";
import { passOn, Sink } from "./support/sink.js";
import { aNamespace, connect, describeOnCluster } from "./support/test-cluster.js";
import { until } from "./support/until.js";
import { createFunction, createWatch, Maps, startWatching, statusOf, untilCondition } from "./support/watching.js";

const example = (name: string): Promise<string> => readFile(path.join(repository, "docs/watches", name), "utf8");

describeOnCluster("Kubernetes watch triggers", () => {
  let api: KubeApi;
  let fermi: Fermi;
  let namespace: string;
  let maps: Maps;
  let sink: Sink;
  let count = 0;
  const cleanUps: (() => unknown)[] = [];

  beforeAll(async () => {
    api = connect();
    cleanUps.push(() => api.close());
    fermi = await startWatching();
    cleanUps.push(() => fermi.stop());
  }, 90_000);
  beforeEach(async () => {
    const room = await aNamespace(api);
    ({ namespace } = room);
    maps = new Maps(api, namespace);
    sink = await Sink.start();
    const started = sink;
    cleanUps.push(room.remove, () => started.stop());
  });
  afterEach(async () => {
    const { triggers } = await fermi.ok<{ triggers: { nodes: { id: string }[] } }>(
      `{ triggers(first: 200) { nodes { id } } }`,
    );
    for (const { id } of triggers.nodes) await fermi.ok(`mutation($id: ID!) { deleteTrigger(id: $id) { id } }`, { id });
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  }, 60_000);

  /** A function that passes on to the sink, and a trigger that calls it. */
  const watching = async (what: Partial<Parameters<typeof createWatch>[1]> = {}): Promise<string> => {
    const name = `watch-${++count}`;
    await createFunction(fermi, name, passOn(sink.url));
    return createWatch(fermi, { name, function: name, kind: "ConfigMap", watchNamespace: namespace, ...what });
  };
  const own = { fieldSelector: "metadata.name!=kube-root-ca.crt" };

  it("tells of every pod of a label in a namespace", async () => {
    const pods = `/api/v1/namespaces/${namespace}/pods`;
    const create = async (name: string, app: string): Promise<void> => {
      // On no node: it is about the objects.
      const spec = { schedulerName: "nobody", containers: [{ name: "main", image: "none" }] };
      await api.call({ method: "POST", path: pods, body: { metadata: { name, labels: { app } }, spec } });
    };
    await create("before", "web");
    await watching({ kind: "Pod", labelSelector: "app=web" });
    expect(await sink.of(1)).toEqual(["ADDED before"]);
    await create("other", "db");
    await create("after", "web");
    await sink.of(2);
    await api.call({ method: "DELETE", path: `${pods}/before`, body: { gracePeriodSeconds: 0 } });
    await until("its end", () => sink.events.includes("DELETED before"));
    expect(sink.events.filter((event) => !event.startsWith("MODIFIED"))).toEqual([
      "ADDED before",
      "ADDED after",
      "DELETED before",
    ]);
    const [first] = sink.posted;
    expect(JSON.parse(first!.body)).toMatchObject({
      ...{ apiVersion: "v1", kind: "Pod" },
      metadata: { name: "before", namespace, labels: { app: "web" } },
      spec: { schedulerName: "nobody" },
    });
    expect(JSON.parse(String(first!.headers["x-told"]))).toMatchObject({
      "x-fermi-event": "ADDED",
      "x-fermi-object-kind": "Pod",
      "x-fermi-object-namespace": namespace,
      "x-fermi-object-resourceversion": expect.stringMatching(/^\d+$/),
      "x-kubernetes-event-type": "ADDED",
      "x-kubernetes-object-type": "Pod",
      "x-fermi-trigger": `watch-${count}`,
    });
  });

  it("shows its calls as invocations, with their source and trigger", async () => {
    const id = await watching(own);
    await maps.create("a");
    await sink.of(1);
    const invocation = await eventually(async () => {
      const { invocations } = await fermi.ok<{ invocations: { nodes: unknown[] } }>(
        `query($name: String!) { invocations(filter: {function: $name}, first: 5) {
          nodes { source status method trigger { id } }
        } }`,
        { name: `watch-${count}` },
      );
      return invocations.nodes[0] ?? Promise.reject(new Error("there is none yet"));
    });
    expect(invocation).toEqual({ source: "KUBERNETES_WATCH", status: "SUCCEEDED", method: "POST", trigger: { id } });
    expect(await statusOf(fermi, id)).toEqual({ condition: "READY", reason: null });
  });

  it("posts a message to a webhook for every new Service", async () => {
    await createFunction(fermi, "announce", await example("announce-services.js"), {
      variables: [{ name: "WEBHOOK_URL", value: sink.url }],
    });
    await createWatch(fermi, { name: "services", function: "announce", kind: "Service" });
    await until("those that are there", () => sink.posted.some(({ body }) => body.includes("default/kubernetes")));
    const body = { metadata: { name: "shop" }, spec: { ports: [{ port: 80 }] } };
    await api.call({ method: "POST", path: `/api/v1/namespaces/${namespace}/services`, body });
    await until("the message", () =>
      sink.posted.some(({ body }) => body === `{"text":"New service ${namespace}/shop"}`),
    );
  });

  it("lets a function of 20 lines be a custom resource's controller", async () => {
    const manifests = parseAllDocuments(await example("greeting-controller.yaml"))
      .map((document) => stringify(document.toJS()).replaceAll("namespace: default", `namespace: ${namespace}`))
      .join("---\n");
    await kubectl(["apply", "--filename=-"], { input: manifests });
    cleanUps.push(() => kubectl(["delete", "--ignore-not-found", "--filename=-"], { input: manifests }));
    const { status } = await api.call<{ status: { token: string } }>({
      ...{ method: "POST", path: `/api/v1/namespaces/${namespace}/serviceaccounts/greeting-controller/token` },
      body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3_600 } },
    });
    const config = await kubectl(["config", "view", "--raw", "--minify", "--flatten", "--output=json"]);
    const { clusters } = JSON.parse(config) as { clusters: { cluster: Record<string, string> }[] };
    const { server = "", "certificate-authority-data": ca = "" } = clusters[0]!.cluster;
    await createFunction(fermi, "greetings", await example("greeting-controller.js"), {
      variables: [
        { name: "KUBERNETES_URL", value: server },
        { name: "KUBERNETES_TOKEN", value: status.token },
        { name: "KUBERNETES_CA", value: Buffer.from(ca, "base64").toString() },
      ],
    });
    const apiVersion = "example.fermi.dev/v1";
    const watch = { function: "greetings", apiVersion, kind: "Greeting", watchNamespace: namespace };
    const id = await createWatch(fermi, { name: "greetings", ...watch });
    await untilCondition(fermi, id, "READY");
    const greetings = `/apis/${apiVersion}/namespaces/${namespace}/greetings`;
    const greeting = { apiVersion, kind: "Greeting", metadata: { name: "hi" }, spec: { to: "you" } };
    await api.call({ method: "POST", path: greetings, body: greeting });
    const text = (): Promise<string | undefined> =>
      api
        .call<{ data: { text: string } }>({ method: "GET", path: `/api/v1/namespaces/${namespace}/configmaps/hi` })
        .then(
          ({ data }) => data.text,
          () => undefined,
        );
    await until("the ConfigMap", async () => (await text()) === "Hello, you!");
    const contentType = "application/merge-patch+json";
    await api.call({ method: "PATCH", path: `${greetings}/hi`, body: { spec: { to: "all" } }, contentType });
    await until("the change", async () => (await text()) === "Hello, all!");
    await api.call({ method: "DELETE", path: `${greetings}/hi` });
    await until("its end", async () => (await text()) === undefined);
  });

  it("tells the events of one object in order, be there many of them", async () => {
    await watching(own);
    await maps.create("a");
    for (let i = 0; i < 30; i++) await maps.patch("a", { i: String(i) });
    await maps.remove("a");
    await until("its end", () => sink.events.includes("DELETED a"));
    expect([sink.events[0], sink.events.at(-1)]).toEqual(["ADDED a", "DELETED a"]);
    const told = sink.posted
      .slice(1, -1)
      .map(({ body }) => Number((JSON.parse(body) as { data: { i: string } }).data.i));
    // Where a call has failed on a busy machine, newer states have taken the place of older ones.
    expect(told).toEqual([...new Set(told)].sort((one, other) => one - other));
  });

  it("tells a function that was down of all there is when it is back, in its newest state", async () => {
    sink.status = 503;
    const id = await watching(own);
    for (const name of ["a", "b", "c"]) await maps.create(name);
    expect(await untilCondition(fermi, id, "FAILING")).toMatch(/^The function answers 503 to ADDED ConfigMap /);
    await maps.patch("a", { now: "yes" });
    await maps.remove("b");
    sink.status = 200;
    const failed = sink.posted.length;
    await until("a and c", () => ["ADDED a", "ADDED c"].every((event) => sink.events.slice(failed).includes(event)));
    await untilCondition(fermi, id, "READY");
    const last = sink.posted.findLast((posted) => posted.headers["x-object"] === "a");
    expect(JSON.parse(last!.body)).toMatchObject({ data: { now: "yes" } });
    expect(sink.posted.findLast((posted) => posted.headers["x-object"] === "b")?.headers["x-event"]).toBe("DELETED");
  });

  it("tells of what has become of an object whose state the function can't take", async () => {
    const id = await watching({ labelSelector: "bad" });
    let answer = (): void => {};
    sink.held = { objects: ["mended", "removed"], until: new Promise((resolve) => (answer = resolve)) };
    for (const name of ["mended", "removed"]) await maps.create(name, { bad: "yes" });
    await sink.of(2);
    await maps.label("mended", { bad: "no" });
    await maps.remove("removed");
    // Events come in order: with this one the two before have come.
    await maps.create("other", { bad: "no" });
    await sink.of(3);
    answer();
    await sink.of(5);
    expect(sink.events.slice(3).sort()).toEqual(["ADDED mended", "DELETED removed"]);
    await untilCondition(fermi, id, "READY");
  });

  it("tries at once what has failed when the function is mended", async () => {
    const name = `watch-${++count}`;
    await createFunction(fermi, name, `export default () => { throw new Error("not yet"); }`);
    const id = await createWatch(fermi, { name, function: name, kind: "ConfigMap", watchNamespace: namespace, ...own });
    await maps.create("a");
    await untilCondition(fermi, id, "FAILING");
    await fermi.ok(
      `mutation($name: String!, $source: String!) { updateFunction(input: {name: $name, source: $source}) { id } }`,
      {
        ...{ name, source: passOn(sink.url) },
      },
    );
    expect(await sink.of(1)).toEqual(["ADDED a"]);
    await untilCondition(fermi, id, "READY");
  });

  it("says what the function refuses, and does not tell it again", async () => {
    sink.status = 422;
    const id = await watching(own);
    await maps.create("a");
    expect(await untilCondition(fermi, id, "FAILING")).toBe(
      `The function answered 422 to ADDED ConfigMap ${namespace}/a: it is not told again.`,
    );
    sink.status = 200;
    await maps.create("b");
    await untilCondition(fermi, id, "READY");
    expect(sink.events).toEqual(["ADDED a", "ADDED b"]);
  });

  it("says that a kind is unknown, and begins when there is one", async () => {
    const custom = await aCustomResource(api, "Late");
    await custom.remove();
    const wrong = await watching({ kind: "Nonsense" });
    const id = await watching({ apiVersion: custom.apiVersion, kind: custom.kind });
    expect(await untilCondition(fermi, wrong, "INVALID")).toMatch(/no kind Nonsense in v1/);
    expect(await untilCondition(fermi, id, "INVALID")).toMatch(/no (apiVersion|kind)/);
    await custom.restore();
    await untilCondition(fermi, id, "READY");
    const body = { apiVersion: custom.apiVersion, kind: custom.kind, metadata: { name: "now" } };
    await api.call({ method: "POST", path: custom.path(namespace), body });
    expect(await sink.of(1)).toEqual(["ADDED now"]);
    await custom.remove();
  });

  it("says that a selector is none", async () => {
    const id = await watching({ fieldSelector: "data.a=1" });
    expect(await untilCondition(fermi, id, "INVALID")).toMatch(/can't select so/);
  });

  it("says what it may not watch, begins when it may, and stops when it may no more", async () => {
    const access = await limitedAccess(api, namespace);
    const limited = await startWatching({}, { file: access.file });
    cleanUps.push(access.remove, () => limited.stop());
    await createFunction(limited, "f", passOn(sink.url));
    const watch = { function: "f", kind: "ConfigMap", watchNamespace: namespace, ...own };
    const id = await createWatch(limited, { name: "maps", ...watch });
    expect(await untilCondition(limited, id, "FAILING")).toMatch(/^Fermi may not watch the kind ConfigMap in /);
    await access.grant([{ apiGroups: [""], resources: ["configmaps"], verbs: ["list", "watch"] }]);
    await untilCondition(limited, id, "READY");
    await maps.create("a");
    expect(await sink.of(1)).toEqual(["ADDED a"]);
    const secrets = await createWatch(limited, { name: "secrets", ...watch, kind: "Secret" });
    expect(await untilCondition(limited, secrets, "FAILING")).toContain("may not watch the kind Secret");
    expect(await statusOf(limited, id)).toMatchObject({ condition: "READY" });
    await access.revoke();
    expect(await untilCondition(limited, id, "FAILING")).toMatch(/may not watch/);
  }, 120_000);
});
