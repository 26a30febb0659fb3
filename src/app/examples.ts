import type { RequestContext } from "../model/request-context.js";
import { defaultRunSettings } from "../model/function.js";
import type { NewEnvironment, NewFunction, NewHttpTrigger, ResourceName } from "../model/inputs.js";

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
    find(ctx: RequestContext, name: ResourceName): Promise<unknown>;
    create(ctx: RequestContext, input: NewEnvironment): Promise<unknown>;
  };
  readonly functions: {
    count(ctx: RequestContext, filter: { namespace?: string | null }): Promise<number>;
    findRecorded(ctx: RequestContext, name: ResourceName): Promise<unknown>;
    create(ctx: RequestContext, input: NewFunction): Promise<unknown>;
  };
  readonly triggers: { createHttp(ctx: RequestContext, input: NewHttpTrigger): Promise<unknown> };
}

/**
 * Gives an empty store something to look at and to call, or goes on where that was cut short. Does nothing where
 * somebody has made an environment or a function, or where the example has been made before and is remembered.
 */
export async function createExamples(
  { environments, functions, triggers }: Exampled,
  ctx: RequestContext,
  hasPython: boolean,
): Promise<void> {
  const base = { namespace, contract: "FERMI" as const, gracePeriodSeconds: 30 };
  const python = { ...base, name: "python", image: "fermi/python", poolSize: 1 };
  const wanted = [...(hasPython ? [python] : []), { ...base, name: "nodejs", image: "fermi/nodejs", poolSize: 3 }];
  const found = await Promise.all(wanted.map((environment) => environments.find(ctx, environment)));
  const missing = wanted.filter((_, at) => found[at] === undefined);
  const count = await environments.count(ctx, {});
  if (count > wanted.length - missing.length || (await functions.count(ctx, {})) > 0) return;
  if (count > 0 && (await functions.findRecorded(ctx, exampleName)) !== undefined) return;
  for (const environment of missing) await environments.create(ctx, environment);
  await functions.create(ctx, {
    namespace,
    name: "hello",
    environment: "nodejs",
    source: helloSource,
    settings: { ...defaultRunSettings, requestsPerInstance: 10 },
  });
  await triggers.createHttp(ctx, { namespace, name: "hello", function: "hello", methods: ["GET"], path: "/hello" });
}
