/** Builds the executable schema: the one place where resolvers are made. */
import "reflect-metadata";
import { defaultFieldResolver, type GraphQLSchema, lexicographicSortSchema, printSchema } from "graphql";
import { buildSchema, type NonEmptyArray, type PubSub } from "type-graphql";
import { AppError } from "../errors/app-error.js";
import { HttpTriggerType } from "../schema/http-trigger.type.js";
import type { ApiContext } from "./api-context.js";
import { AsyncResolver } from "./async.resolver.js";
import { KubernetesWatchTriggerType } from "../schema/kubernetes-watch-trigger.type.js";
import { QueueTriggerType } from "../schema/queue-trigger.type.js";
import { TimeTriggerType } from "../schema/time-trigger.type.js";
import { EnvironmentResolver } from "./environment.resolver.js";
import { FunctionInvoker } from "./function-invoker.js";
import { FunctionVersionResolver } from "./function-version.resolver.js";
import { FunctionResolver } from "./function.resolver.js";
import { HttpTriggerResolver } from "./http-trigger.resolver.js";
import { InvocationResolver } from "./invocation.resolver.js";
import { KubernetesWatchTriggerResolver } from "./kubernetes-watch-trigger.resolver.js";
import { LogResolver } from "./log.resolver.js";
import type { ApiParts } from "./operations.js";
import { InstanceResolver, PoolResolver } from "./pool.resolver.js";
import { QueueTriggerResolver } from "./queue-trigger.resolver.js";
import { ServerResolver } from "./server.resolver.js";
import { SubscriptionResolver } from "./subscription.resolver.js";
import { TopicResolver } from "./topic.resolver.js";
import { TimeTriggerResolver } from "./time-trigger.resolver.js";
import { TriggerResolver } from "./trigger.resolver.js";

// eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- the type that type-graphql asks for
const resolvers: NonEmptyArray<Function> = [
  EnvironmentResolver,
  FunctionResolver,
  FunctionVersionResolver,
  TriggerResolver,
  HttpTriggerResolver,
  TimeTriggerResolver,
  KubernetesWatchTriggerResolver,
  QueueTriggerResolver,
  InvocationResolver,
  AsyncResolver,
  LogResolver,
  PoolResolver,
  InstanceResolver,
  ServerResolver,
  SubscriptionResolver,
  TopicResolver,
];

export async function buildApiSchema(parts: ApiParts): Promise<GraphQLSchema> {
  const { environments, functions, triggers, invocations, logs, topics, queue, pools, server } = parts;
  const invoker = new FunctionInvoker(functions, parts.invoker, queue);
  const instances = [
    new EnvironmentResolver(environments, pools),
    new FunctionResolver(functions, environments, pools),
    new FunctionVersionResolver(),
    new TriggerResolver(triggers, functions),
    new HttpTriggerResolver(triggers, server),
    new TimeTriggerResolver(triggers),
    new KubernetesWatchTriggerResolver(triggers),
    new QueueTriggerResolver(triggers),
    new InvocationResolver(invocations, functions, invoker),
    new AsyncResolver(queue, functions, invoker),
    new LogResolver(logs, functions),
    new PoolResolver(pools),
    new InstanceResolver(),
    new ServerResolver(server),
    new SubscriptionResolver(),
    new TopicResolver(topics),
  ];
  return forgetting(await build(new Map(instances.map((instance) => [instance.constructor, instance]))));
}

/** Mutations of one operation run one after another: what is below each is read as it has left it. */
function forgetting(schema: GraphQLSchema): GraphQLSchema {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const { resolve = defaultFieldResolver } = field;
    field.resolve = async (root, args, ctx: ApiContext, info) => {
      try {
        return await resolve(root, args, ctx, info);
      } finally {
        ctx.forget();
      }
    };
  }
  return schema;
}

/** The text of schema.graphql: sorted, so that a diff shows what changed and nothing else. */
export async function schemaText(): Promise<string> {
  return `${printSchema(lexicographicSortSchema(await build(new Map())))}\n`;
}

/** Asked for by type-graphql even where, as here, every subscription has a source of its own. */
const noPubSub: PubSub = {
  publish: () => {},
  subscribe: () => {
    throw new AppError("INTERNAL", "No subscription reads from topics.");
  },
};

const build = (instances: ReadonlyMap<unknown, object>): Promise<GraphQLSchema> =>
  buildSchema({
    resolvers,
    orphanedTypes: [HttpTriggerType, TimeTriggerType, KubernetesWatchTriggerType, QueueTriggerType],
    container: { get: (type) => instances.get(type) },
    validate: { forbidUnknownValues: false, validationError: { target: false, value: false } },
    pubSub: noPubSub,
    emitSchemaFile: false,
  });
