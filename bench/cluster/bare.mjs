/**
 * What bounds a cold start from below on this cluster: a script that knows its pod, with a connection open to it, sends
 * the code and calls; and what the label patch takes that Fermi makes beside it.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { KubeApi } from "../../dist/cluster/kubernetes/kube-api.js";
import { systemClock } from "../../dist/lib/clock.js";
import { connect, ok } from "../http.mjs";
import { helloSource } from "../resources.mjs";
import { now, until } from "../server.mjs";
import { kubectl } from "./fermi.mjs";

const namespace = "fermi-bench";
const pods = 5;
const path = `/api/v1/namespaces/${namespace}/pods`;

const deployment = (app, replicas) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: app },
  spec: {
    replicas,
    selector: { matchLabels: { app } },
    template: {
      metadata: { labels: { app } },
      spec: {
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: "function",
            image: "fermi/nodejs",
            imagePullPolicy: "IfNotPresent",
            readinessProbe: { httpGet: { path: "/-/healthz", port: 8888 }, periodSeconds: 1 },
          },
        ],
      },
    },
  },
});

/** Samples in ms, of so many pods each. */
export const measureBare = (rounds, settledMs) =>
  inNamespace(async (api) => {
    await create(api, "bare", pods);
    const samples = { start: [], patch: [], both: [] };
    for (let at = 0; at < rounds; at++) await measureOne(api, samples, settledMs);
    return samples;
  });

/** Milliseconds in which a Deployment's pods come up, so many at once. */
export const measureStarts = (count) =>
  inNamespace(async (api) => {
    const startedAt = now();
    await create(api, "many", count);
    await until("all pods", async () => (await readyPods(api, "many")).length === count, { everyMs: 100 });
    return now() - startedAt;
  });

async function inNamespace(measure) {
  kubectl("create", "namespace", namespace);
  const api = KubeApi.connect({ kubeconfig: process.env.KUBECONFIG ?? null, clock: systemClock });
  try {
    return await measure(api);
  } finally {
    api.close();
    kubectl("delete", "namespace", namespace);
  }
}

const create = (api, app, replicas) =>
  api.call({
    method: "POST",
    path: `/apis/apps/v1/namespaces/${namespace}/deployments`,
    body: deployment(app, replicas),
  });

async function readyPods(api, app) {
  const { items } = await api.call({ method: "GET", path, query: { labelSelector: `app=${app}` } });
  return items.filter(isReady).sort(byAge);
}

async function measureOne(api, samples, settledMs) {
  const ready = await until("as many bare pods as there are to be", async () => {
    const found = await readyPods(api, "bare");
    return found.length === pods && found;
  });
  await delay(settledMs);
  const { name } = ready[0].metadata;
  const connection = connect(`http://${ready[0].status.podIP}:8888`);
  await ok(connection, "/-/healthz");
  const key = randomUUID();
  const startedAt = now();
  const patched = api.call({
    method: "PATCH",
    path: `${path}/${name}`,
    contentType: "application/merge-patch+json",
    body: { metadata: { ownerReferences: null, labels: { app: "claimed" } } },
  });
  const patching = patched.then(() => samples.patch.push(now() - startedAt));
  await ok(connection, "/specialize", { method: "POST", body: specialization(key) });
  await ok(connection, "/", { headers: { "x-fermi-key": key } });
  samples.start.push(now() - startedAt);
  await patching;
  samples.both.push(now() - startedAt);
  connection.close();
  await api.call({ method: "DELETE", path: `${path}/${name}` });
}

const byAge = (a, b) => Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp);

const isReady = ({ metadata, status }) =>
  metadata.deletionTimestamp === undefined &&
  (status.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True");

const specialization = (key) =>
  JSON.stringify({
    function: { id: randomUUID(), name: "bare", namespace: "default" },
    version: 1,
    entrypoint: null,
    variables: [],
    requestsPerInstance: 1,
    key,
    code: { source: helloSource, sha256: "" },
  });
