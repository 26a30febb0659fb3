/** From an object's event to the function that is told of it, beside a bare watch of the same objects. */
import { setTimeout as delay } from "node:timers/promises";
import { KubeApi } from "../../dist/cluster/kubernetes/kube-api.js";
import { ObjectSource } from "../../dist/cluster/kubernetes/object-source.js";
import { systemClock } from "../../dist/lib/clock.js";
import { environment } from "../resources.mjs";
import { until } from "../server.mjs";
import { ms, percentile } from "../stats.mjs";
import { kubectl } from "./fermi.mjs";

const namespace = "fermi-bench-watch";
const objects = 200;
const everyMs = 50;
const storm = 500;

/** All processes of this machine have one monotonic clock, those in pods too. */
const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
const source = `export default ({ request }) => {
  console.log(request.headers["x-fermi-event"], request.headers["x-fermi-object-name"], process.hrtime.bigint() / 1000n);
};`;

const create = (api, name) =>
  api.call({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/services`,
    body: { metadata: { name }, spec: { clusterIP: "None", ports: [{ port: 80 }] } },
  });

export async function watchDelay(fermi) {
  kubectl("create", "namespace", namespace);
  const api = KubeApi.connect({ kubeconfig: process.env.KUBECONFIG ?? null, clock: systemClock });
  const over = new AbortController();
  try {
    await createTrigger(fermi);
    const seen = new Map();
    const watching = watchBarely(api, seen, over.signal);
    await create(api, "first");
    await until("the first call", async () => (await told(fermi)).has("first"), { everyMs: 100 });
    const sent = new Map();
    for (let at = 0; at < objects; at++) {
      sent.set(`one-${at}`, nowMs());
      await create(api, `one-${at}`);
      await delay(everyMs);
    }
    const calls = await untilTold(fermi, [...sent.keys()]);
    const stormTook = await measureStorm(fermi, api, seen);
    over.abort();
    await watching;
    return section({ sent, seen, calls, stormTook });
  } finally {
    over.abort();
    await fermi.gql(`mutation { deleteFunction(name: "watch-delay", deleteTriggers: true) { id } }`);
    api.close();
    kubectl("delete", "namespace", namespace, "--wait=false");
  }
}

async function createTrigger(fermi) {
  await fermi.gql(
    `mutation ($environment: String!, $source: String!) {
      createFunction(input: { name: "watch-delay", environment: $environment, source: $source,
        settings: { requestsPerInstance: 10, maxInstances: 1 } }) { id }
    }`,
    { environment, source },
  );
  await fermi.gql(
    `mutation ($namespace: String!) {
      createKubernetesWatchTrigger(input: { name: "watch-delay", function: "watch-delay", kind: "Service",
        watchNamespace: $namespace }) { id }
    }`,
    { namespace },
  );
}

/** When a watch that does nothing else is told of each, by name. */
async function watchBarely(api, seen, signal) {
  const selection = { apiVersion: "v1", kind: "Service", namespace, labelSelector: null, fieldSelector: null };
  const found = await new ObjectSource({ api, clock: systemClock, watchSeconds: 600 }).find(selection, signal);
  const { version } = await found.list(undefined, signal);
  for await (const event of await found.watch(version, signal)) {
    if (event.type === "ADDED") seen.set(event.object.metadata.name, nowMs());
  }
}

/** When the function was told of each, by name. */
async function told(fermi) {
  const times = new Map();
  let after = null;
  do {
    const { logs } = await fermi.gql(
      `query ($after: String) { logs(filter: { function: "watch-delay" }, first: 200, after: $after) {
        nodes { message } pageInfo { hasNextPage endCursor }
      } }`,
      { after },
    );
    for (const { message } of logs.nodes) {
      const [, name, micros] = /^ADDED (\S+) (\d+)/.exec(message) ?? [];
      if (name !== undefined) times.set(name, Math.min(times.get(name) ?? Infinity, Number(micros) / 1_000));
    }
    after = logs.pageInfo.hasNextPage ? logs.pageInfo.endCursor : null;
  } while (after !== null);
  return times;
}

async function untilTold(fermi, names) {
  let times;
  const isTold = async () => {
    times = await told(fermi);
    return names.every((name) => times.has(name));
  };
  await until("all calls", isTold, { everyMs: 500 });
  return times;
}

/** Many at once: from the first one sent to the last one told, by the bare watch and by the function. */
async function measureStorm(fermi, api, seen) {
  const names = Array.from({ length: storm }, (_, at) => `many-${at}`);
  const beganMs = nowMs();
  const waiting = [...names];
  const worker = async () => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) await create(api, name);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  const calls = await untilTold(fermi, names);
  const last = (times) => Math.max(...names.map((name) => times.get(name))) - beganMs;
  return { bare: last(seen), told: last(calls) };
}

const spread = (samples) => `p50 ${ms(percentile(samples, 0.5))}, p99 ${ms(percentile(samples, 0.99))}`;

function section({ sent, seen, calls, stormTook }) {
  const names = [...sent.keys()];
  const since = (times, from) => names.map((name) => times.get(name) - from.get(name));
  return {
    title: "From an object's event to the function's call",
    note: `${objects} Services, one each ${everyMs} ms, and a watch trigger of their namespace; one warm pod. Times are of one clock: when the function's code runs, and when a bare watch in the client has read the event.`,
    rows: [
      ["creation sent, until a bare watch has the event", spread(since(seen, sent)), ""],
      ["creation sent, until the function runs", spread(since(calls, sent)), ""],
      ["the function after the bare watch", spread(since(calls, seen)), "what Fermi adds"],
      [`${storm} Services at once, until a bare watch has the last`, ms(stormTook.bare), ""],
      [`${storm} Services at once, until the function was told of the last`, ms(stormTook.told), "8 calls at a time"],
    ],
  };
}
