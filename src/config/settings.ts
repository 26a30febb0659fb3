/**
 * Every setting of the server, once: its environment variable, its `fermi serve` flag, its default, how its text is read.
 * The table in README.md and `fermi serve --help` are compared with this list by tests.
 */
import path from "node:path";

/** One setting. `parse` returns the value or throws a SettingError that says what would be right. */
export interface Setting<T> {
  readonly env: string;
  readonly flag: string;
  /** Shown in help and README; null where the setting is off unless given. */
  readonly defaultText: string | null;
  readonly description: string;
  /** Never shown in a message. */
  readonly isSecret?: boolean;
  /** The flag takes no value and sets this text. */
  readonly flagSets?: string;
  parse(text: string): T;
}

export class SettingError extends Error {}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new SettingError(`must be a whole number from ${min} to ${max}`);
    }
    return value;
  };
}

function oneOf<const T extends string>(...allowed: readonly T[]): (text: string) => T {
  return (text) => {
    const found = allowed.find((value) => value === text);
    if (found === undefined) throw new SettingError(`must be one of ${allowed.join(", ")}`);
    return found;
  };
}

function httpUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.pathname !== "/" || url.search !== "") {
    throw new SettingError("must be an address such as https://functions.example.com, without a path");
  }
  return url.origin;
}

function postgresUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !["postgres:", "postgresql:"].includes(url.protocol)) {
    throw new SettingError("must be of the form postgres://user:password@host:5432/database");
  }
  return text;
}

function cidrList(text: string): readonly string[] {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  const isAddress = (part: string): boolean => /^[0-9a-fA-F.:]+(\/\d{1,3})?$/.test(part);
  if (!parts.every(isAddress)) throw new SettingError("must be a comma-separated list such as 10.0.0.0/8,192.168.1.7");
  return parts;
}

function secret(minLength: number): (text: string) => string {
  return (text) => {
    if (text.length < minLength || !/^[\x21-\x7e]*$/.test(text)) {
      throw new SettingError(`must be at least ${minLength} printable characters without spaces`);
    }
    return text;
  };
}

const plain = (text: string): string => text;
const port = wholeNumber(0, 65_535);

export const settings = {
  host: {
    env: "FERMI_HOST",
    flag: "--host",
    defaultText: "127.0.0.1",
    description: "address that the API and the router listen on; beyond loopback only with FERMI_ADMIN_TOKEN",
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
  examples: {
    env: "FERMI_EXAMPLES",
    flag: "--no-examples",
    flagSets: "false",
    defaultText: "true",
    description: "whether an empty store gets the environments nodejs and python and the function hello",
    parse: (text: string): boolean => oneOf("true", "false")(text) === "true",
  },
  maxInstances: {
    env: "FERMI_MAX_INSTANCES",
    flag: "--max-instances",
    defaultText: "64",
    description: "bound on all instances of this machine, warm and specialized",
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
  stopTimeoutSeconds: {
    env: "FERMI_STOP_TIMEOUT_SECONDS",
    flag: "--stop-timeout-seconds",
    defaultText: "25",
    description: "how long requests in flight may finish when the server is asked to stop",
    parse: wholeNumber(1, 3_600),
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
