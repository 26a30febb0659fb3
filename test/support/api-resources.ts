/** Resources made through the API, each under a name of its own. */
import { randomBytes } from "node:crypto";
import { type ApiClient, valueAt } from "./api-client.js";

export const someName = (): string => `n${randomBytes(6).toString("hex")}`;

interface Named {
  readonly name?: string;
  readonly namespace?: string;
}

/** Its name. */
export async function createEnvironment(
  client: ApiClient,
  input: Named & Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const name = input.name ?? someName();
  await client.ok(`mutation ($input: CreateEnvironmentInput!) { createEnvironment(input: $input) { id } }`, {
    input: { image: "fermi/nodejs", ...input, name },
  });
  return name;
}

export const helloSource = "module.exports = async () => ({ status: 200, body: 'Hi' });\n";

/** Its name. Makes an environment for it where none is named. */
export async function createFunction(
  client: ApiClient,
  input: Named & { readonly environment?: string } & Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const name = input.name ?? someName();
  const { namespace } = input;
  const environment =
    input.environment ?? (await createEnvironment(client, namespace === undefined ? {} : { namespace }));
  await client.ok(`mutation ($input: CreateFunctionInput!) { createFunction(input: $input) { id } }`, {
    input: { source: helloSource, ...input, name, environment },
  });
  return name;
}

export async function functionId(client: ApiClient, name: string, namespace = "default"): Promise<string> {
  const query = `query ($name: String!, $namespace: String!) { function(name: $name, namespace: $namespace) { id } }`;
  return valueAt(await client.ok(query, { name, namespace }), "function.id");
}

/** Its id. */
export async function createRoute(
  client: ApiClient,
  input: { readonly function: string; readonly path?: string } & Readonly<Record<string, unknown>>,
): Promise<string> {
  const mutation = `mutation ($input: CreateHttpTriggerInput!) { createHttpTrigger(input: $input) { id } }`;
  const data = await client.ok(mutation, { input: { path: `/${someName()}`, ...input } });
  return valueAt(data, "createHttpTrigger.id");
}

/** Its id; of whichever kind that has a name. */
export async function createTrigger(
  client: ApiClient,
  kind: "TimeTrigger" | "KubernetesWatchTrigger" | "QueueTrigger",
  input: { readonly function: string } & Readonly<Record<string, unknown>>,
): Promise<string> {
  const needed = {
    TimeTrigger: { schedule: "0 4 * * *" },
    KubernetesWatchTrigger: { kind: "Pod" },
    QueueTrigger: { topic: "orders" },
  };
  const mutation = `mutation ($input: Create${kind}Input!) { create${kind}(input: $input) { id } }`;
  const data = await client.ok(mutation, { input: { name: someName(), ...needed[kind], ...input } });
  return valueAt(data, `create${kind}.id`);
}
