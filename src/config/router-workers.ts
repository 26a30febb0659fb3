import { availableCores } from "./available-cores.js";
import type { Config } from "./settings.js";

/** Beside other roles the router is not to take the whole machine, nor its memory. */
const mostBesideOthers = 4;

/** In how many processes the router runs: as many as the setting says, else one for each core that may be used. */
export function routerWorkers({ roles, routerWorkers: given }: Config, cores = availableCores): number {
  if (!roles.includes("router")) return 1;
  return given ?? (roles.length === 1 ? cores() : Math.min(cores(), mostBesideOthers));
}
