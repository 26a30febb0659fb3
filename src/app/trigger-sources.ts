/** What calls functions by itself, in the role `triggers`: a line for each kind of trigger. */
import type { BuildSource } from "./build-source.js";
import { watchSource } from "./watch-source.js";

/** Run by the one process that leads, for as long as it does. */
export const leaderSources: readonly BuildSource[] = [watchSource];

/** Run by every process of the role, beside each other. */
export const sharedSources: readonly BuildSource[] = [];
