/** Functions with a route of their own on the installed Fermi. */
import { eventually } from "../../support/harness.js";
import { isReady, podsIn, routerUrl, type Installation } from "./installation.js";

export interface DeployedFunction {
  readonly id: string;
  readonly name: string;
  readonly url: string;
}

const sayName = `module.exports = async (context) => ({ status: 200, body: context.function.name, headers: {} });\n`;

interface Image {
  readonly image: string;
  readonly contract: "FERMI" | "FISSION_V2";
}

export const fissionNode: Image = {
  image: process.env["FERMI_TEST_FISSION_NODE_IMAGE"] ?? "fermi-test/fission-node",
  contract: "FISSION_V2",
};

export async function createEnvironment(
  fermi: Installation,
  name: string,
  poolSize: number,
  { image, contract }: Image = { image: "fermi/nodejs", contract: "FERMI" },
): Promise<void> {
  await fermi.ok(
    `mutation($name: String!, $image: String!, $contract: RuntimeContract!, $poolSize: Int!) {
      createEnvironment(input: {name: $name, image: $image, contract: $contract, poolSize: $poolSize}) { id }
    }`,
    { name, image, contract, poolSize },
  );
}

export async function createFunction(
  fermi: Installation,
  environment: string,
  name: string,
  settings: object = {},
  source = sayName,
): Promise<DeployedFunction> {
  const { createFunction: made } = await fermi.ok<{ createFunction: { id: string } }>(
    `mutation($environment: String!, $name: String!, $source: String!, $settings: RunSettingsInput) {
      createFunction(input: {name: $name, environment: $environment, source: $source, settings: $settings}) { id }
    }`,
    { environment, name, source, settings },
  );
  await fermi.ok(
    `mutation($name: String!, $path: String!) {
      createHttpTrigger(input: {function: $name, methods: ["GET"], path: $path}) { id }
    }`,
    { name, path: `/${name}` },
  );
  const url = `${routerUrl}/${name}`;
  await routed(url);
  return { id: made.id, name, url };
}

/** OPTIONS is no method of these routes, so no function is called. */
const routed = (url: string): Promise<void> =>
  eventually(async () => {
    const response = await fetch(url, { method: "OPTIONS" });
    if (response.headers.get("x-fermi-error") !== "METHOD_NOT_ALLOWED") throw new Error(`${url} is not routed yet`);
  });

/** Resolves when so many pods wait in pools, ready, as Kubernetes sees them. */
export const poolIsWarm = (poolSize: number, deadlineMs = 60_000): Promise<void> =>
  eventually(
    async () => {
      const pods = await podsIn("fermi-functions", "fermi.dev/pool");
      const ready = pods.filter(isReady).length;
      if (ready < poolSize) throw new Error(`${ready} of ${poolSize} pods are ready`);
    },
    deadlineMs,
    250,
  );

export async function deleteAll(fermi: Installation): Promise<void> {
  const { functions, environments } = await fermi.ok<{
    functions: { nodes: { name: string }[] };
    environments: { nodes: { name: string }[] };
  }>("{ functions(first: 200) { nodes { name } } environments(first: 200) { nodes { name } } }");
  for (const { name } of functions.nodes) {
    await fermi.ok(`mutation($name: String!) { deleteFunction(name: $name, deleteTriggers: true) { id } }`, { name });
  }
  for (const { name } of environments.nodes) {
    await fermi.ok(`mutation($name: String!) { deleteEnvironment(name: $name) { id } }`, { name });
  }
}

/** The ids of the function's invocations since then, with whether each was a cold start: all pages of them. */
export async function recordedInvocations(
  fermi: Installation,
  since: Date,
): Promise<Map<string, { coldStart: boolean }>> {
  const found = new Map<string, { coldStart: boolean }>();
  let after: string | null = null;
  do {
    const { invocations }: { invocations: Page } = await fermi.ok<{ invocations: Page }>(
      `query($after: String, $since: DateTime!) {
        invocations(first: 200, after: $after, filter: {since: $since}) {
          nodes { id coldStart }
          pageInfo { hasNextPage endCursor }
        }
      }`,
      { after, since: since.toISOString() },
    );
    for (const { id, coldStart } of invocations.nodes) found.set(id, { coldStart });
    after = invocations.pageInfo.hasNextPage ? invocations.pageInfo.endCursor : null;
  } while (after !== null);
  return found;
}

interface Page {
  readonly nodes: readonly { readonly id: string; readonly coldStart: boolean }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}
