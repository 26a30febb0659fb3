/** Makes the roles of a process, and ties them: directly where both ends are here. */
import type { RequestListener } from "node:http";
import { Authenticator } from "../auth/authenticate.js";
import type { RoleName } from "../config/parse-setting.js";
import { AppError } from "../errors/app-error.js";
import type { Foundation } from "./foundation.js";
import { answerHealthy, answerMetrics, answerReady, guarded } from "./health.js";
import { buildLocalDriver, knownImages } from "./instance-driver.js";
import type { Installation } from "./installation.js";
import { createLeadership } from "./leadership.js";
import { ApiRole } from "./roles/api-role.js";
import { PoolmgrRole } from "./roles/poolmgr-role.js";
import { RouterRole } from "./roles/router-role.js";
import { TriggersRole } from "./roles/triggers-role.js";

export interface Roles {
  readonly triggers?: TriggersRole;
  readonly poolmgr?: PoolmgrRole;
  readonly router?: RouterRole;
  readonly api?: ApiRole;
}

export async function buildRoles(
  foundation: Foundation,
  installation: Installation,
  isStopping: () => boolean,
): Promise<Roles> {
  const { config, store } = foundation;
  const has = (name: RoleName): boolean => config.roles.includes(name);
  const metrics = guarded(new Authenticator(config.adminToken), answerMetrics(foundation.metrics));
  const driver = has("poolmgr") ? buildLocalDriver(foundation, store.dataDir) : undefined;
  const triggers = has("triggers") ? buildTriggers(foundation, installation, metrics) : undefined;
  const poolmgr =
    driver && new PoolmgrRole(foundation, { driver, leadership: createLeadership("poolmgr", foundation) });
  if (poolmgr === undefined)
    throw new AppError("CLUSTER_UNAVAILABLE", "a process without the role poolmgr can't reach another's yet");
  const router = has("router") ? new RouterRole(foundation, { link: poolmgr.link, metrics }) : undefined;
  const api = has("api")
    ? new ApiRole(foundation, {
        pools: poolmgr.view,
        images: driver ?? (await knownImages(foundation)),
        routerAddress: () => router?.address ?? config.internalRouterUrl ?? "",
        dependents: [poolmgr, router].filter((role) => role !== undefined),
        installation,
        isDraining: isStopping,
      })
    : undefined;
  return { ...(triggers && { triggers }), poolmgr, ...(router && { router }), ...(api && { api }) };
}

function buildTriggers(foundation: Foundation, installation: Installation, metrics: RequestListener): TriggersRole {
  const leadership = createLeadership("triggers", foundation);
  const pages = new Map([
    ["/healthz", answerHealthy],
    ["/readyz", answerReady(() => installation.unready())],
    ["/metrics", metrics],
  ]);
  return new TriggersRole(foundation, { leadership, pages });
}
