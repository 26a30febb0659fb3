import { eventually, type Fermi } from "../support/harness.js";

/** Creates the environment `node` and a function with a route of its own; answers the route's address. */
export async function deploy(fermi: Fermi, name: string, source: string, settings: object = {}): Promise<string> {
  await fermi.gql(`mutation { createEnvironment(input: {name: "node", image: "fermi/nodejs"}) { id } }`);
  await fermi.ok(
    `mutation($name: String!, $source: String!, $settings: RunSettingsInput) {
      createFunction(input: {name: $name, environment: "node", source: $source, settings: $settings}) { id }
    }`,
    { name, source, settings },
  );
  await fermi.ok(
    `mutation($name: String!, $path: String!) {
      createHttpTrigger(input: {function: $name, methods: ["GET", "POST"], path: $path}) { id }
    }`,
    { name, path: `/${name}` },
  );
  const url = `${fermi.routerUrl}/${name}`;
  await routed(url);
  return url;
}

/** Resolves once the router knows the route. OPTIONS is no method of these routes, so no function is called. */
export const routed = (url: string): Promise<void> =>
  eventually(async () => {
    const response = await fetch(url, { method: "OPTIONS" });
    if (response.headers.get("x-fermi-error") !== "METHOD_NOT_ALLOWED") throw new Error(`${url} is not routed yet`);
  });

export const update = (fermi: Fermi, name: string, source: string): Promise<unknown> =>
  fermi.ok(
    `mutation($name: String!, $source: String!) { updateFunction(input: {name: $name, source: $source}) { id } }`,
    { name, source },
  );
