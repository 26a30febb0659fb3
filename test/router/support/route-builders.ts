import type { CorsPolicy, HttpTrigger } from "../../../src/model/trigger.js";
import { defaultRunSettings, type RunSettings } from "../../../src/model/function.js";
import type { RoutedFunction } from "../../../src/router/route-source.js";

const at = new Date("2026-01-01T00:00:00Z");
const resource = { namespace: "default", revision: 1, createdAt: at, updatedAt: at };

export const aFunction = (
  name: string,
  change: Partial<Omit<RoutedFunction, "settings">> & { settings?: Partial<RunSettings> } = {},
): RoutedFunction => ({
  ...resource,
  id: `id-of-${name}`,
  name,
  environmentId: "environment",
  currentVersionId: `version-of-${name}`,
  currentVersionNumber: 1,
  contract: "FERMI",
  ...change,
  settings: { ...defaultRunSettings, timeoutSeconds: 5, ...change.settings },
});

export const aTrigger = (path: string, change: Partial<HttpTrigger> = {}): HttpTrigger => ({
  ...resource,
  kind: "HTTP",
  id: `trigger-${path}-${change.host ?? ""}-${(change.methods ?? ["GET"]).join("+")}`,
  name: "a-trigger",
  functionId: "id-of-hello",
  enabled: true,
  methods: ["GET"],
  path,
  host: null,
  cors: null,
  mode: "SYNC",
  ...change,
});

export const aPolicy = (change: Partial<CorsPolicy> = {}): CorsPolicy => ({
  allowOrigins: ["https://app.example"],
  allowMethods: [],
  allowHeaders: [],
  exposeHeaders: [],
  allowCredentials: false,
  maxAgeSeconds: 600,
  ...change,
});
