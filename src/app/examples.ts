import type { RequestContext } from "../model/request-context.js";
import { defaultRunSettings } from "../model/function.js";
import type { NewEnvironment, NewFunction, NewHttpTrigger } from "../model/inputs.js";

const namespace = "default";

export const exampleName = { namespace, name: "hello" };

const helloSource = `// The function behind GET /hello. Change it and send it with: fermi function update --name hello --code hello.js
module.exports = async function (context) {
  const name = context.request.query.name || "world";
  console.log("greeting " + name);
  return "Hello, " + name + "!\\n";
};
`;

interface Exampled {
  readonly environments: {
    count(ctx: RequestContext, filter: { namespace?: string | null }): Promise<number>;
    create(ctx: RequestContext, input: NewEnvironment): Promise<unknown>;
  };
  readonly functions: { create(ctx: RequestContext, input: NewFunction): Promise<unknown> };
  readonly triggers: { createHttp(ctx: RequestContext, input: NewHttpTrigger): Promise<unknown> };
}

/** Gives an empty store something to look at and to call. Does nothing where an environment exists. */
export async function createExamples(
  { environments, functions, triggers }: Exampled,
  ctx: RequestContext,
  hasPython: boolean,
): Promise<void> {
  if ((await environments.count(ctx, {})) > 0) return;
  const base = { namespace, contract: "FERMI" as const, gracePeriodSeconds: 30 };
  if (hasPython) await environments.create(ctx, { ...base, name: "python", image: "fermi/python", poolSize: 1 });
  await environments.create(ctx, { ...base, name: "nodejs", image: "fermi/nodejs", poolSize: 3 });
  await functions.create(ctx, {
    namespace,
    name: "hello",
    environment: "nodejs",
    source: helloSource,
    settings: { ...defaultRunSettings, requestsPerInstance: 10 },
  });
  await triggers.createHttp(ctx, { namespace, name: "hello", function: "hello", methods: ["GET"], path: "/hello" });
}
