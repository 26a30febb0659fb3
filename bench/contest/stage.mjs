/** All contestants at once, so that rounds can alternate between them: who does not take part at the moment idles. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { startFermiApart, workers } from "../fermi-apart.mjs";
import { connect } from "../http.mjs";
import { closedLoop } from "../load/closed-loop.mjs";
import { createEnvironment, createFunction, routed } from "../resources.mjs";
import { isQuick } from "../rounds.mjs";
import { temporaryData, until } from "../server.mjs";
import { imagesFile, places, slots, source, startBackends } from "./backends.mjs";
import { proxies, startProxy } from "./contestants.mjs";

/** For each process of a contestant once: only then have compilers seen enough. */
const warmUpRequests = isQuick ? 1_000 : 40_000;
const warmUpSecondsMax = 15;
const environments = { hello: "fermi/nodejs", bare: "bench/bare" };

/**
 * Calls `work` with the contestants, each `{name, label, headers, origin(place), pid(place)}`, and the labels of those whose
 * programs are not installed; ends all of them afterwards.
 */
export async function onStage(work) {
  const data = temporaryData();
  const stops = [() => data.remove()];
  try {
    const backends = await startBackends();
    stops.push(() => backends.stop());
    const { contestants, missing } = await startProxies(backends, data.folder, stops);
    const fermi = await startFermiApart(path.join(data.folder, "fermi"), {
      FERMI_LOCAL_RUNTIMES: imagesFile(data.folder),
    });
    stops.push(() => fermi.stop());
    const routers = await startRouters(fermi);
    const all = [direct(backends), ...contestants, ...routers];
    for (const contestant of all) await warmUp(contestant);
    return await work(all, missing);
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** Loads a contestant as a scenario says: `{place, clients, bytes?}`. */
export const load = ({ origin, headers }, { place, clients, bytes = 0 }, seconds) =>
  closedLoop({
    origin: origin(place),
    paths: [place],
    method: bytes > 0 ? "POST" : "GET",
    ...{ headers, clients, bytes, seconds },
  });

async function warmUp(contestant) {
  const { processes = 1 } = contestant;
  let answered = 0;
  for (let second = 0; answered < processes * warmUpRequests && second < processes * warmUpSecondsMax; second++)
    answered += (await load(contestant, { place: "/hello", clients: 32 }, 1)).answered;
}

const withoutHeaders = {};

function direct(backends) {
  const [[home], ...others] = Object.entries(places);
  const at = (place) => backends[others.find(([, prefix]) => place.startsWith(prefix))?.[0] ?? home];
  return {
    name: "direct",
    label: "direct",
    headers: { "x-fermi-key": backends.key },
    origin: (place) => at(place).url,
    pid: (place) => at(place).pid,
  };
}

async function startProxies(backends, folder, stops) {
  const contestants = [];
  const missing = [];
  for (const proxy of proxies) {
    const own = path.join(folder, proxy.name);
    mkdirSync(own);
    const started = await startProxy(proxy, backends, own);
    if (started === undefined) {
      console.error(`bench: ${proxy.name} is not installed, and left out`);
      missing.push(proxy.label);
      continue;
    }
    stops.push(() => started.stop());
    contestants.push({ ...proxy, ...started, headers: withoutHeaders });
  }
  return { contestants, missing };
}

const wanted = [
  { name: "fermi", label: "Fermi", count: 1 },
  { name: "fermi-2", label: "Fermi, 2 workers", count: 2 },
];

async function startRouters(fermi) {
  const routers = [];
  for (const { name, label, count } of wanted) {
    const variables = workers(count);
    if (variables === undefined) continue;
    const router = await fermi.startRouter(name, variables);
    routers.push({
      name,
      label,
      processes: count,
      pid: () => router.pid,
      headers: withoutHeaders,
      origin: () => router.url,
    });
  }
  await makeFunctions(fermi);
  for (const { origin } of routers) await untilRouted(origin());
  return routers;
}

async function makeFunctions(fermi) {
  for (const [name, image] of Object.entries(environments)) await createEnvironment(fermi, 1, { name, image });
  const enough = { requestsPerInstance: slots, maxInstances: 4 };
  await createFunction(fermi, "hello", source, { ...enough, environment: "hello", methods: ["GET", "POST"] });
  await createFunction(fermi, "sockets", source, { ...enough, environment: "hello" });
  await createFunction(fermi, "bare", source, { ...enough, environment: "bare" });
  await fermi.gql(
    `mutation { createHttpTrigger(input: { name: "big", function: "hello", methods: ["GET"], path: "/big" }) { id } }`,
  );
}

async function untilRouted(origin) {
  const connection = connect(origin);
  for (const name of ["hello", "sockets", "bare", "big"]) await routed(connection, name);
  for (const name of ["hello", "bare"])
    await until(`an answer of ${name}`, async () => (await connection.request(`/${name}`)).status === 200);
  connection.close();
}
