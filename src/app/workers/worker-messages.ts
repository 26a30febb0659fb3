/** What a process and the workers of its router say to each other, over the channel that Node opens to a child. */
import type { Config } from "../../config/settings.js";
import type { Check } from "../../model/check.js";
import type { CountedMetrics } from "../counted-metrics.js";

/** All that a worker has to know: nothing of it is in its arguments or environment, as some of it is secret. */
export interface WorkerSettings {
  /** With the database's address, the secret and the pool managers' addresses that hold here. */
  readonly config: Config;
  /** From 1. */
  readonly number: number;
  /** How many workers there are. */
  readonly of: number;
  /** As in TOGETHER. */
  readonly unready: string | null;
}

export type ToWorker =
  | { readonly type: "BEGIN"; readonly settings: WorkerSettings }
  /** A connection to serve comes with it. */
  | { readonly type: "CONNECTION" }
  /** Why the router as a whole should get no traffic, in words; null where it should. */
  | { readonly type: "TOGETHER"; readonly unready: string | null }
  /** Say that you are not ready, and go on. */
  | { readonly type: "DRAIN" }
  /** Finish what is under way, and end. */
  | { readonly type: "STOP" };

export type ToParent =
  /** Connections may come. */
  | { readonly type: "UP" }
  /** Routes are loaded. */
  | { readonly type: "READY" }
  /** How many of the connections that it was ever given are closed. */
  | { readonly type: "CLOSED"; readonly connections: number }
  /** All changes up to this one have been taken up. */
  | { readonly type: "SEEN"; readonly change: string };

/** How a worker is. */
export interface WorkerLook {
  readonly checks: readonly Check[];
}

/** A page for Prometheus. */
export interface MetricsPage {
  readonly contentType: string;
  readonly body: string;
}

/** What a worker is asked. */
export interface AsksOfParent {
  /** Answered when routes that were read after the question are in force, or could not be read. */
  REFRESH: null;
  LOOK: WorkerLook;
  METRICS: CountedMetrics;
}

/** What a worker asks. */
export interface AsksOfWorker {
  /** The metrics of all processes together. */
  PAGE: MetricsPage;
}
