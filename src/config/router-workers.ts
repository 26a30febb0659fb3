import { availableCores } from "./available-cores.js";
import type { Config } from "./settings.js";

/** Beside other roles, which want cores and memory too, as the functions do where all is on one machine. */
const besideOthers = (cores: number): number => Math.min(4, Math.ceil(cores / 2));

/** In how many processes the router runs: as many as the setting says, else one for each core that may be used. */
export function routerWorkers({ roles, routerWorkers: given }: Config, cores = availableCores): number {
  if (!roles.includes("router")) return 1;
  return given ?? (roles.length === 1 ? cores() : besideOthers(cores()));
}
