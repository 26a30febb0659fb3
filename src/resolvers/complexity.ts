/** What fields weigh that are more than one plain value each. */
import type { ComplexityEstimator } from "graphql-query-complexity";
import { maxNextRuns } from "../schema/time-trigger.input.js";

/** A text is up to 256 KiB: one weighs as much as so many plain fields. */
export const sourceComplexity = 50;

/** An answer is up to 1 MiB. */
export const resultComplexity = 4 * sourceComplexity;

/** Each run is looked for from the one before. */
export const nextRunsComplexity: ComplexityEstimator = ({ args }) =>
  1 + Math.min(Math.max(Number(args["count"]), 0), maxNextRuns);
