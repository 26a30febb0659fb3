/**
 * Every setting of the server, once: its environment variable, its `fermi serve` flag, its default, how its text is read.
 * The table in README.md and `fermi serve --help` are compared with this list by tests.
 */
import path from "node:path";
import { localRuntimes } from "./local-runtimes.js";
import {
  cidrList,
  httpUrl,
  httpUrls,
  kubernetesName,
  natsUrl,
  oneOf,
  plain,
  port,
  postgresUrl,
  readableFile,
  readableFiles,
  roleList,
  secret,
  wholeNumber,
} from "./parse-setting.js";
import type { Setting } from "./setting.js";

export const settings = {
  roles: {
    env: "FERMI_ROLES",
    flag: "--role",
    defaultText: "api,router,poolmgr,triggers",
    description: "what this process is; several separated by commas",
    parse: roleList,
  },
  host: {
    env: "FERMI_HOST",
    flag: "--host",
    defaultText: "127.0.0.1",
    description: "address that everything listens on; the API beyond loopback only with FERMI_ADMIN_TOKEN",
    parse: plain,
  },
  apiPort: {
    env: "FERMI_API_PORT",
    flag: "--api-port",
    defaultText: "31313",
    description: "port of GraphQL, playground, health and metrics; 0 picks a free one",
    parse: port,
  },
  routerPort: {
    env: "FERMI_ROUTER_PORT",
    flag: "--router-port",
    defaultText: "31314",
    description: "port on which functions are called; 0 picks a free one",
    parse: port,
  },
  routerWorkers: {
    env: "FERMI_ROUTER_WORKERS",
    flag: "--router-workers",
    defaultText: null,
    description: "router processes; if not given one per core (CPU limits count), beside other roles half, at most 4",
    parse: wholeNumber(1, 256),
  },
  poolmgrPort: {
    env: "FERMI_POOLMGR_PORT",
    flag: "--poolmgr-port",
    defaultText: "31315",
    description: "port on which pool managers serve routers and APIs of other processes; 0 picks a free one",
    parse: port,
  },
  triggersPort: {
    env: "FERMI_TRIGGERS_PORT",
    flag: "--triggers-port",
    defaultText: "31316",
    description: "port of the triggers' health and metrics where they have a process apart; 0 picks a free one",
    parse: port,
  },
  poolmgrUrl: {
    env: "FERMI_POOLMGR_URL",
    flag: "--poolmgr-url",
    defaultText: null,
    description: "where pool managers are, several separated by commas; all addresses of a host's name are tried",
    parse: httpUrls,
  },
  internalRouterUrl: {
    env: "FERMI_INTERNAL_ROUTER_URL",
    flag: "--internal-router-url",
    defaultText: null,
    description: "where routers of other processes are, as the API, triggers and functions reach them",
    parse: httpUrl,
  },
  routerUrl: {
    env: "FERMI_ROUTER_URL",
    flag: "--router-url",
    defaultText: null,
    description:
      "address of the router as callers see it, for HttpTrigger.url; made from host and port where not given",
    parse: httpUrl,
  },
  dataDir: {
    env: "FERMI_DATA_DIR",
    flag: "--data-dir",
    defaultText: ".fermi",
    description: "folder of the embedded database and of running instances",
    parse: (text: string): string => path.resolve(text),
  },
  databaseUrl: {
    env: "DATABASE_URL",
    flag: "--database-url",
    defaultText: null,
    description: "a PostgreSQL server (14 to 18) to use instead of the embedded one",
    isSecret: true,
    parse: postgresUrl,
  },
  adminToken: {
    env: "FERMI_ADMIN_TOKEN",
    flag: "--admin-token",
    defaultText: null,
    description: "bearer token that the API then demands of everybody; at least 16 characters",
    isSecret: true,
    parse: secret(16),
  },
  internalSecret: {
    env: "FERMI_INTERNAL_SECRET",
    flag: "--internal-secret",
    defaultText: null,
    description:
      "what roles in separate processes share to trust each other; 32 characters or more; random if not given",
    isSecret: true,
    parse: secret(32),
  },
  cluster: {
    env: "FERMI_CLUSTER",
    flag: "--cluster",
    defaultText: "local",
    description: "what runs the instances: local (processes of this machine) or kubernetes (pods)",
    parse: oneOf("local", "kubernetes"),
  },
  controlNamespace: {
    env: "FERMI_CONTROL_NAMESPACE",
    flag: "--control-namespace",
    defaultText: "fermi",
    description: "namespace of Kubernetes in which Fermi itself runs and keeps its leases",
    parse: kubernetesName,
  },
  functionsNamespace: {
    env: "FERMI_FUNCTIONS_NAMESPACE",
    flag: "--functions-namespace",
    defaultText: "fermi-functions",
    description: "namespace of Kubernetes in which instances run",
    parse: kubernetesName,
  },
  image: {
    env: "FERMI_IMAGE",
    flag: "--image",
    defaultText: null,
    description: "Fermi's own image, for the container that brings code into instances of Fission's images",
    parse: plain,
  },
  kubeconfig: {
    env: "KUBECONFIG",
    flag: "--kubeconfig",
    defaultText: null,
    description:
      "file that says how to reach Kubernetes from outside, or several as kubectl takes them; inside a pod its service account does",
    parse: readableFiles,
  },
  examples: {
    env: "FERMI_EXAMPLES",
    flag: "--no-examples",
    flagSets: "false",
    defaultText: "true",
    description: "whether an empty store gets the environments nodejs and python and the function hello",
    parse: (text: string): boolean => oneOf("true", "false")(text) === "true",
  },
  localRuntimes: {
    env: "FERMI_LOCAL_RUNTIMES",
    flag: "--local-runtimes",
    defaultText: null,
    description: "a JSON file of images and the commands that run in their place without Kubernetes",
    parse: localRuntimes,
  },
  maxInstances: {
    env: "FERMI_MAX_INSTANCES",
    flag: "--max-instances",
    defaultText: null,
    description: "bound on all instances, warm and specialized; if not given 64 on this machine, none on Kubernetes",
    parse: wholeNumber(1, 10_000),
  },
  maxBodyMib: {
    env: "FERMI_MAX_BODY_MIB",
    flag: "--max-body-mib",
    defaultText: "64",
    description: "largest request body in MiB; beyond it 413",
    parse: wholeNumber(1, 10_240),
  },
  trustedProxies: {
    env: "FERMI_TRUSTED_PROXIES",
    flag: "--trusted-proxies",
    defaultText: "",
    description: "addresses or networks whose X-Forwarded-* headers are kept, separated by commas",
    parse: cidrList,
  },
  asyncConcurrency: {
    env: "FERMI_ASYNC_CONCURRENCY",
    flag: "--async-concurrency",
    defaultText: "32",
    description: "asynchronous invocations that a process of the role triggers runs at a time; 0: it runs none",
    parse: wholeNumber(0, 1_000),
  },
  recordRate: {
    env: "FERMI_RECORD_RATE",
    flag: "--record-rate",
    defaultText: "1000",
    description: "warm successes recorded one by one each second; beyond it sampled, counts stay exact",
    parse: wholeNumber(0, 1_000_000),
  },
  retentionDays: {
    env: "FERMI_RETENTION_DAYS",
    flag: "--retention-days",
    defaultText: "7",
    description: "days for which invocations and log lines are kept",
    parse: wholeNumber(1, 3_650),
  },
  logMaxMib: {
    env: "FERMI_LOG_MAX_MIB",
    flag: "--log-max-mib",
    defaultText: "1024",
    description: "bound on stored log lines in MiB; the oldest go first",
    parse: wholeNumber(16, 1_048_576),
  },
  topicRetentionDays: {
    env: "FERMI_TOPIC_RETENTION_DAYS",
    flag: "--topic-retention-days",
    defaultText: "7",
    description: "days for which messages of topics are kept, handled or not",
    parse: wholeNumber(1, 3_650),
  },
  topicMaxMib: {
    env: "FERMI_TOPIC_MAX_MIB",
    flag: "--topic-max-mib",
    defaultText: "1024",
    description: "bound on messages of topics in MiB; handled ones go first, and when none is left nothing is taken",
    parse: wholeNumber(1, 1_048_576),
  },
  natsUrl: {
    env: "FERMI_NATS_URL",
    flag: "--nats-url",
    defaultText: null,
    description: "a NATS server with JetStream for queue triggers, as nats:// or tls://, several separated by commas",
    isSecret: true,
    parse: natsUrl,
  },
  natsCredsFile: {
    env: "FERMI_NATS_CREDS_FILE",
    flag: "--nats-creds-file",
    defaultText: null,
    description: "file of credentials for NATS, as nsc makes them, where they are not in its address",
    parse: readableFile,
  },
  stopTimeoutSeconds: {
    env: "FERMI_STOP_TIMEOUT_SECONDS",
    flag: "--stop-timeout-seconds",
    defaultText: "25",
    description: "how long requests in flight may finish when the server is asked to stop",
    parse: wholeNumber(1, 3_600),
  },
  drainSeconds: {
    env: "FERMI_DRAIN_SECONDS",
    flag: "--drain-seconds",
    defaultText: "0",
    description: "how long a server that is asked to stop still takes requests, not being ready any more",
    parse: wholeNumber(0, 3_600),
  },
  logLevel: {
    env: "FERMI_LOG_LEVEL",
    flag: "--log-level",
    defaultText: "info",
    description: "debug, info, warn or error",
    parse: oneOf("debug", "info", "warn", "error"),
  },
  logFormat: {
    env: "FERMI_LOG_FORMAT",
    flag: "--log-format",
    defaultText: "auto",
    description: "text, json, or auto: text on a terminal, JSON elsewhere",
    parse: oneOf("auto", "text", "json"),
  },
  readyFile: {
    env: "FERMI_READY_FILE",
    flag: "--ready-file",
    defaultText: null,
    description: "a file that gets {apiUrl, routerUrl} as JSON once all is ready",
    parse: (text: string): string => path.resolve(text),
  },
} as const satisfies Record<string, Setting<unknown>>;

type Settings = typeof settings;
type Value<S> = S extends { parse(text: string): infer T; defaultText: infer D }
  ? D extends null
    ? T | null
    : T
  : never;

/** The settings as values: frozen, and null where a feature is off. */
export type Config = { readonly [K in keyof Settings]: Value<Settings[K]> };
