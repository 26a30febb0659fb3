/**
 * A GraphQL endpoint of the real schema whose answers the test writes down: what the command line sends is checked
 * against `schema.graphql`, and what it gets is exactly what the test wants it to get.
 */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { buildSchema, graphql, GraphQLError, type GraphQLSchema } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";

/** The root fields that a test needs: `{ environments: ({ first }) => … }`. */
export type RootFields = Readonly<Record<string, (args: never) => unknown>>;

export interface FakeApi {
  readonly url: string;
  /** The variables of each request so far. */
  readonly requests: readonly {
    readonly variables: Record<string, unknown>;
    readonly authorization: string | undefined;
  }[];
  /** What WebSocket clients gave when they connected. */
  readonly connections: readonly unknown[];
  /** Ends every WebSocket as a server that has had enough does. */
  closeSockets(code: number, reason: string): void;
  /** Ends them as a network does that fails. */
  cutSockets(): void;
  stop(): Promise<void>;
}

const schemaFile = new URL("../../schema.graphql", import.meta.url);

let built: GraphQLSchema | undefined;

/** Built once for a file of tests: it takes longer than most of them. */
export const readSchema = (): GraphQLSchema => (built ??= buildSchema(readFileSync(schemaFile, "utf8")));

export const refuse = (code: string, message: string, field?: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code, ...(field === undefined ? {} : { field }) } });

async function readBody(req: IncomingMessage): Promise<{ query: string; variables: Record<string, unknown> }> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as { query: string; variables: Record<string, unknown> };
}

export async function startFakeApi(rootFields: RootFields): Promise<FakeApi> {
  const schema = readSchema();
  const requests: { variables: Record<string, unknown>; authorization: string | undefined }[] = [];
  const connections: unknown[] = [];
  const server = createServer((req, res) => {
    void readBody(req).then(async ({ query, variables }) => {
      requests.push({ variables, authorization: req.headers.authorization });
      const answer = await graphql({ schema, source: query, variableValues: variables, rootValue: rootFields });
      res.setHeader("content-type", "application/json").end(JSON.stringify(answer));
    });
  });
  const sockets = new WebSocketServer({ server, path: "/graphql" });
  const graphqlWs = useServer(
    {
      schema,
      roots: { subscription: rootFields },
      onConnect: ({ connectionParams }) => void connections.push(connectionParams),
    },
    sockets,
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    connections,
    closeSockets: (code, reason) => sockets.clients.forEach((socket) => socket.close(code, reason)),
    cutSockets: () => sockets.clients.forEach((socket) => socket.terminate()),
    stop: async () => {
      await graphqlWs.dispose();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const times = { createdAt: "2030-01-01T00:00:00.000Z", updatedAt: "2030-01-01T00:00:00.000Z" };

export const environmentNode = (change: object = {}): object => ({
  id: "e1",
  namespace: "default",
  name: "node",
  revision: 1,
  image: "fermi/nodejs",
  contract: "FERMI",
  poolSize: 3,
  resources: { cpuRequest: null, cpuLimit: null, memoryRequest: null, memoryLimit: null },
  gracePeriodSeconds: 30,
  podTemplate: null,
  ...times,
  ...change,
});

export const versionNode = (number: number): object => ({
  id: `v${number}`,
  number,
  environment: environmentNode(),
  source: "module.exports = () => {}\n",
  digest: "0123456789abcdef0123",
  sizeBytes: 26,
  entrypoint: null,
  variables: [{ name: "A", value: "1" }],
  createdAt: times.createdAt,
});

export const functionNode = (change: object = {}): object => ({
  id: "f1",
  namespace: "default",
  name: "hi",
  revision: 1,
  environment: environmentNode(),
  currentVersion: versionNode(1),
  settings: { timeoutSeconds: 60, requestsPerInstance: 1, minInstances: 0, maxInstances: 100, idleTimeoutSeconds: 120 },
  ...times,
  ...change,
});

export const routeNode = (change: object = {}): object => ({
  __typename: "HttpTrigger",
  id: "r1",
  namespace: "default",
  name: "hi",
  revision: 1,
  enabled: true,
  function: functionNode(),
  methods: ["GET"],
  path: "/hi",
  host: null,
  cors: null,
  mode: "SYNC",
  url: "http://127.0.0.1:31314/hi",
  ...times,
  ...change,
});

const triggerOwn = {
  TimeTrigger: {
    ...{ schedule: "@hourly", timezone: "UTC", onMissed: "RUN_ONCE", missedWindowSeconds: 3600, overlap: "ALLOW" },
    ...{ nextRuns: ["2030-01-01T01:00:00.000Z"], lastRunAt: null },
  },
  KubernetesWatchTrigger: {
    ...{ apiVersion: "v1", kind: "Pod", watchNamespace: null, labelSelector: "app=shop", fieldSelector: null },
  },
  QueueTrigger: {
    ...{ broker: "POSTGRES", topic: "orders", responseTopic: null, errorTopic: null, maxAttempts: 5, concurrency: 1 },
  },
};

export const triggerNode = (type: keyof typeof triggerOwn, change: object = {}): object => ({
  __typename: type,
  id: "t1",
  namespace: "default",
  name: "hi",
  revision: 1,
  enabled: true,
  function: functionNode(),
  status: { condition: "READY", reason: null, since: times.createdAt },
  ...triggerOwn[type],
  ...times,
  ...change,
});

export const invocationNode = (change: object = {}): object => ({
  id: "i1",
  function: functionNode(),
  functionVersion: 1,
  source: "GRAPHQL",
  trigger: null,
  status: "SUCCEEDED",
  method: "GET",
  path: "/",
  httpStatus: 200,
  error: null,
  coldStart: true,
  durationMs: 12.34,
  waitMs: 3.2,
  attempts: 1,
  requestBytes: 0,
  responseBytes: 14,
  instance: "node-1",
  acceptedAt: times.createdAt,
  finishedAt: times.createdAt,
  result: { httpStatus: 200, headers: {}, body: "Hello, world!\n", base64: false },
  ...change,
});

export const logNode = (number: number, change: object = {}): object => ({
  id: `l${number}`,
  at: times.createdAt,
  stream: "STDOUT",
  message: `line ${number}`,
  functionVersion: 1,
  invocationId: "i1",
  instance: "node-1",
  ...change,
});

/** A connection of all items at once, or of the page that `first` and `after` ask for; cursors are positions. */
export function page(items: readonly object[], { first, after }: { first: number; after?: string | null }): object {
  const start = after === null || after === undefined ? 0 : Number(after);
  const nodes = items.slice(start, start + first);
  const end = start + nodes.length;
  const pageInfo = {
    hasNextPage: end < items.length,
    hasPreviousPage: start > 0,
    startCursor: String(start),
    endCursor: String(end),
  };
  return { nodes, pageInfo, edges: [], totalCount: items.length };
}
