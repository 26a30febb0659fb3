/** A thousand functions with a thousand routes: what making, listing, holding and starting over cost. */
import { connect, ok } from "./http.mjs";
import { createEnvironment, createFunction, helloSource, routed } from "./resources.mjs";
import { now, startServer, temporaryData } from "./server.mjs";
import { count, median, ms } from "./stats.mjs";

const few = 10;
const many = 1_000;
const writers = 8;

export async function scale() {
  const data = temporaryData();
  let server = await startServer(data.folder);
  try {
    await createEnvironment(server, 1);
    await create(server, 0, few);
    const fewRoutes = await callMs(server);
    const fewMib = server.residentMib();
    const createdMs = await create(server, few, many);
    const manyRoutes = await callMs(server);
    const listing = await list(server);
    const manyMib = server.residentMib();
    await server.stop();
    server = await startServer(data.folder);
    const again = await list(server);
    if (listing.functions !== many || again.functions !== many) throw new Error("functions are missing");
    const memory = (mib) => (mib === null ? "not known" : `${count(mib)} MiB`);
    return {
      title: "A thousand functions with a thousand routes",
      note: `Made over GraphQL by ${writers} writers, two mutations each.`,
      rows: [
        ["creation", `${count((1000 * (many - few)) / createdMs)} functions/s`, "each with its route"],
        ["listing all, pages of 200", ms(listing.allMs), ""],
        ["listing the first 50", ms(listing.pageMs), "median of 20"],
        [`warm call over HTTP, ${few} routes`, ms(fewRoutes), "median of 300"],
        [`warm call over HTTP, ${many} routes`, ms(manyRoutes), "median of 300"],
        [`resident memory, ${few} functions`, memory(fewMib), "the server's process"],
        [`resident memory, ${many} functions`, memory(manyMib), `after restart ${memory(server.residentMib())}`],
        ["restart to ready", ms(server.readyMs), "process start included"],
      ],
    };
  } finally {
    await server.stop();
    data.remove();
  }
}

/** Functions `from` up to `to`, all of them routed when it resolves. */
async function create(server, from, to) {
  const startedAt = now();
  let next = from;
  const work = async () => {
    while (next < to) await createFunction(server, `fn-${next++}`, helloSource);
  };
  await Promise.all(Array.from({ length: writers }, work));
  const tookMs = now() - startedAt;
  const connection = connect(server.routerUrl);
  await routed(connection, `fn-${to - 1}`);
  connection.close();
  return tookMs;
}

async function callMs(server) {
  const connection = connect(server.routerUrl);
  const samples = [];
  for (let at = 0; at < 350; at++) {
    const answer = await ok(connection, "/fn-0");
    if (at >= 50) samples.push(answer.ms);
  }
  connection.close();
  return median(samples);
}

const listing = `query ($first: Int!, $after: String) {
  functions(first: $first, after: $after) { nodes { name currentVersion { number } } pageInfo { hasNextPage endCursor } }
}`;

async function list({ gql }) {
  const pages = [];
  for (let at = 0; at < 20; at++) {
    const startedAt = now();
    await gql(listing, { first: 50 });
    pages.push(now() - startedAt);
  }
  const startedAt = now();
  let functions = 0;
  let after = null;
  do {
    const page = (await gql(listing, { first: 200, after })).functions;
    functions += page.nodes.length;
    after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
  } while (after !== null);
  return { functions, allMs: now() - startedAt, pageMs: median(pages) };
}
