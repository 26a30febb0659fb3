/** Environments, functions and routes for the measurements. */
import { until } from "./server.mjs";

export const environment = "bench";

export const helloSource = `module.exports = async (context) => ({ status: 200, body: "Hello, world!\\n" });\n`;

export const createEnvironment = ({ gql }, poolSize = 3, { name = environment, image = "fermi/nodejs" } = {}) =>
  gql(
    `mutation ($name: String!, $image: String!, $poolSize: Int!) {
      createEnvironment(input: { name: $name, image: $image, poolSize: $poolSize }) { id }
    }`,
    { name, image, poolSize },
  );

/** The function and a route to it at `/name`. */
export async function createFunction(
  { gql },
  name,
  source,
  { environment: of = environment, methods = ["GET"], ...settings } = {},
) {
  await gql(
    `mutation ($name: String!, $environment: String!, $source: String!, $settings: RunSettingsInput) {
      createFunction(input: { name: $name, environment: $environment, source: $source, settings: $settings }) { id }
    }`,
    { name, environment: of, source, settings },
  );
  await gql(
    `mutation ($name: String!, $methods: [String!]!, $path: String!) {
      createHttpTrigger(input: { function: $name, methods: $methods, path: $path }) { id }
    }`,
    { name, methods, path: `/${name}` },
  );
}

export const deleteFunction = ({ gql }, name) =>
  gql(`mutation ($name: String!) { deleteFunction(name: $name, deleteTriggers: true) { id } }`, { name });

/** The router knows the route: a method that it does not have is refused without a call of the function. */
export const routed = (connection, name) =>
  until(`the route /${name}`, async () => {
    const { headers } = await connection.request(`/${name}`, { method: "OPTIONS" });
    return headers["x-fermi-error"] === "METHOD_NOT_ALLOWED";
  });

/** The pool is full, nothing is starting, and what was deleted has ended. */
export const poolIsWarm = ({ gql }, specialized = 0) =>
  until("a warm pool", async () => {
    const { pools } = await gql(`{ pools { environment { name poolSize } warm starting specialized } }`);
    const pool = pools.find((each) => each.environment.name === environment);
    return (
      pool !== undefined &&
      pool.warm >= pool.environment.poolSize &&
      pool.starting === 0 &&
      pool.specialized === specialized
    );
  });
