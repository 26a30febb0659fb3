/** What settings demand of each other. */
import { isIP } from "node:net";
import { roleNames, type RoleName } from "./parse-setting.js";
import type { Config } from "./settings.js";

/** Everything that does not go together, one line each; no secret is in it. What could not be read contradicts nothing. */
export function contradictions(config: Partial<Config>): string[] {
  const { roles, host } = config;
  return roles === undefined || host === undefined ? [] : among({ ...config, roles, host });
}

/** Without roles or host nothing can be said of the others. */
type Known = Partial<Config> & Pick<Config, "roles" | "host">;

const among = (config: Known): string[] => [
  ...listeners(config),
  ...clusterDemands(config),
  ...(isAlone(config) ? [] : apartDemands(config)),
];

/** All roles are in this process and it knows of no others, so it needs neither a secret nor a port for them. */
export const isAlone = ({ roles, poolmgrUrl }: Pick<Config, "roles"> & Partial<Pick<Config, "poolmgrUrl">>): boolean =>
  roles.length === roleNames.length && poolmgrUrl === null;

export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));

function listeners(config: Known): string[] {
  const problems: string[] = [];
  if (config.roles.includes("api") && !isLoopback(config.host) && config.adminToken === null) {
    problems.push(
      "FERMI_HOST is not a loopback address, so FERMI_ADMIN_TOKEN must be set: nothing listens to the network without authentication",
    );
  }
  const ports = portsOf(config).filter(([, port]) => port !== undefined && port !== 0);
  for (const [index, [name, port]] of ports.entries()) {
    for (const [other, same] of ports.slice(index + 1)) {
      if (port === same) problems.push(`${name} and ${other} must differ`);
    }
  }
  return problems;
}

/** The ports that this process opens, by the names of their settings. */
export function portsOf(config: Known): [name: string, port: number | undefined][] {
  const all: [RoleName, string, number | undefined][] = [
    ["api", "FERMI_API_PORT", config.apiPort],
    ["router", "FERMI_ROUTER_PORT", config.routerPort],
    ["poolmgr", "FERMI_POOLMGR_PORT", config.poolmgrPort],
    ["triggers", "FERMI_TRIGGERS_PORT", config.triggersPort],
  ];
  const opened = isAlone(config) ? all.slice(0, 2) : all;
  return opened.flatMap(([role, name, port]) => (config.roles.includes(role) ? [[name, port]] : []));
}

function clusterDemands(config: Known): string[] {
  if (config.cluster !== "kubernetes") return [];
  const demands: [isMissing: boolean, message: string][] = [
    [
      // On loopback the other complaint is not made; elsewhere one is enough.
      config.roles.includes("api") && config.adminToken === null && isLoopback(config.host),
      "FERMI_ADMIN_TOKEN must be set: on a cluster the API demands it of everybody",
    ],
    [
      // Roles apart need it anyway.
      isAlone(config) && config.internalSecret === null,
      "FERMI_INTERNAL_SECRET must be set: pods outlive this process, and the next one makes their keys of it",
    ],
  ];
  return demands.flatMap(([isMissing, message]) => (isMissing ? [`FERMI_CLUSTER is kubernetes, so ${message}`] : []));
}

/** What a process needs where some of the roles are in others. */
function apartDemands(config: Known): string[] {
  const { roles } = config;
  const here = (role: RoleName): boolean => roles.includes(role);
  const demands: [isMissing: boolean, message: string][] = [
    [
      config.databaseUrl === null,
      "DATABASE_URL must be set: the embedded database is for one process that is everything",
    ],
    [
      config.internalSecret === null,
      "FERMI_INTERNAL_SECRET must be set, the same for all: by it roles trust each other",
    ],
    [
      config.poolmgrUrl === null && (here("router") || here("api")),
      "FERMI_POOLMGR_URL must be set: router and api ask the pool manager that leads, wherever that is",
    ],
    [
      config.internalRouterUrl === null && !here("router") && (here("api") || here("triggers")),
      "FERMI_INTERNAL_ROUTER_URL must be set: api and triggers call functions through a router, and none is in this process",
    ],
  ];
  return demands.flatMap(([isMissing, message]) =>
    isMissing ? [`${message} (this process is ${roles.join(", ")})`] : [],
  );
}
