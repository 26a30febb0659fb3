/** Makes the roles of a process, and ties them: directly where both ends are here, else by the addresses in the settings. */
import type { RequestListener } from "node:http";
import { isAlone } from "../config/contradictions.js";
import type { RoleName } from "../config/parse-setting.js";
import { routerWorkers } from "../config/router-workers.js";
import type { Config } from "../config/settings.js";
import type { PoolView } from "../model/pool-view.js";
import { LeaderDial } from "../poolmgr/leader-dial.js";
import { RemotePoolView } from "../poolmgr/remote-pool-view.js";
import type { PoolmgrLink } from "../poolmgr/router-link.js";
import { RemotePoolmgrLink } from "../router/remote-poolmgr-link.js";
import { addressForPeople } from "./address.js";
import { buildHost, knownImages } from "./build-host.js";
import type { Foundation } from "./foundation.js";
import { answerHealthy, answerMetrics, answerReady, guarded } from "./health.js";
import type { Installation } from "./installation.js";
import type { InstanceHost } from "./instance-host.js";
import { createLeadership } from "./leadership.js";
import { ApiRole } from "./roles/api-role.js";
import { PoolmgrRole } from "./roles/poolmgr-role.js";
import type { Role, RouterPart } from "./roles/role.js";
import { RouterRole } from "./roles/router-role.js";
import { RouterWorkersRole } from "./roles/router-workers-role.js";
import { TriggersRole } from "./roles/triggers-role.js";
import type { WorkerForks } from "./workers/worker-forks.js";

export interface Roles {
  triggers?: TriggersRole;
  poolmgr?: PoolmgrRole;
  router?: RouterPart;
  api?: ApiRole;
}

export interface RoleSurroundings {
  readonly installation: Installation;
  /** Where processes of the router's workers come from. */
  readonly forks: WorkerForks;
  readonly isStopping: () => boolean;
}

export async function buildRoles(foundation: Foundation, around: RoleSurroundings): Promise<Roles> {
  const { config } = foundation;
  const { installation, forks, isStopping } = around;
  const has = (name: RoleName): boolean => config.roles.includes(name);
  const metrics = guarded(config, answerMetrics(foundation.metrics));
  const pages = (name: RoleName): ReadonlyMap<string, RequestListener> =>
    pagesOf(metrics, () => (isStopping() ? "This process is stopping." : roles[name]?.unready()));
  const host = has("poolmgr") ? await buildHost(foundation) : undefined;
  const roles: Roles = {};
  if (has("triggers")) {
    const leadership = await createLeadership("triggers", foundation);
    const routerAddress = (): string => routerForCallers(config, roles.router);
    roles.triggers = new TriggersRole(foundation, { leadership, pages: pages("triggers"), routerAddress });
  }
  if (host !== undefined) {
    const leadership = await createLeadership("poolmgr", foundation);
    const routerAddress = (): string => routerForInstances(config, roles.router);
    const hasWorkers = routerWorkers(config) > 1;
    roles.poolmgr = new PoolmgrRole(foundation, {
      host,
      leadership,
      pages: pages("poolmgr"),
      routerAddress,
      hasWorkers,
    });
  }
  const way = wayToPools(foundation, roles.poolmgr);
  if (way !== undefined && has("router")) roles.router = buildRouter(foundation, { way, metrics, installation, forks });
  if (way !== undefined && has("api")) {
    roles.api = await buildApi(foundation, { roles, host, way, installation, isStopping });
  }
  return roles;
}

interface RouterSurroundings extends Pick<RoleSurroundings, "installation" | "forks"> {
  readonly way: WayToPools;
  readonly metrics: RequestListener;
}

/** In this process, or where that is worth it in several of its making. */
function buildRouter(foundation: Foundation, around: RouterSurroundings): RouterPart {
  const { way, metrics, installation, forks } = around;
  const count = routerWorkers(foundation.config);
  if (count === 1) return new RouterRole(foundation, { link: way.link, metrics });
  const onSeen = (change: string): void => installation.seen(change);
  return new RouterWorkersRole(foundation, { count, forks, poolmgrUrls: way.urls, onSeen });
}

/** For calls that come through the API or from triggers. */
const routerForCallers = ({ internalRouterUrl }: Config, router: RouterPart | undefined): string =>
  router?.address ?? internalRouterUrl ?? "";

/** A router of this process may listen a moment later; its own address means nothing within a cluster. */
function routerForInstances(config: Config, router: RouterPart | undefined): string {
  const { internalRouterUrl, cluster, host, routerPort } = config;
  if (internalRouterUrl !== null || cluster !== "local" || router === undefined) return internalRouterUrl ?? "";
  return router.address === "" && routerPort !== 0 ? addressForPeople(host, routerPort) : router.address;
}

const pagesOf = (
  metrics: RequestListener,
  unready: () => ReturnType<Role["unready"]>,
): ReadonlyMap<string, RequestListener> =>
  new Map([
    ["/healthz", answerHealthy],
    ["/readyz", answerReady(unready)],
    ["/metrics", metrics],
  ]);

interface WayToPools {
  readonly link: PoolmgrLink;
  readonly view: PoolView;
  /** The view, where it is of another process. */
  readonly remote?: RemotePoolView;
  /** The same way, for workers. */
  readonly urls: () => readonly string[];
}

/** A pool manager of this process may stand by where it is not the only one, so all are asked. */
function wayToPools(
  { config, auth, clock, logger }: Foundation,
  poolmgr: PoolmgrRole | undefined,
): WayToPools | undefined {
  if (isAlone(config)) return poolmgr && { link: poolmgr.link, view: poolmgr.view, urls: () => [poolmgr.innerUrl] };
  const { poolmgrUrl: urls } = config;
  if (urls === null) return undefined;
  const dial = new LeaderDial({ urls, sign: (request) => auth.sign(request), clock });
  const remote = new RemotePoolView(dial, clock, logger);
  return { link: new RemotePoolmgrLink(dial, clock), view: remote, remote, urls: () => urls };
}

interface ApiSurroundings {
  readonly roles: Roles;
  readonly host: InstanceHost | undefined;
  readonly way: WayToPools;
  readonly installation: Installation;
  readonly isStopping: () => boolean;
}

async function buildApi(foundation: Foundation, around: ApiSurroundings): Promise<ApiRole> {
  const { config } = foundation;
  const { roles, host, way, installation, isStopping } = around;
  return new ApiRole(foundation, {
    pools: way.view,
    ...(way.remote && { remotePools: way.remote }),
    images: host?.images ?? (await knownImages(config)),
    routerAddress: () => routerForCallers(config, roles.router),
    installation,
    isDraining: isStopping,
  });
}
