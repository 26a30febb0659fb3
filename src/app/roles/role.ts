import type { RoleName } from "../../config/parse-setting.js";
import type { Check } from "../../model/check.js";
import type { CountedMetrics } from "../counted-metrics.js";

/** One role as its process sees it. What it starts, it pushes on the foundation's `started`. */
export interface Role {
  readonly name: RoleName;
  /** Resolves when its port is open and, where the store is there already, when it does its work. */
  start(): Promise<void>;
  /** Why no traffic should come here, in words; undefined where it should. */
  unready(): Promise<string | undefined> | string | undefined;
  /** Resolves when what was changed before this call has been taken up, or could not be read. */
  refresh?(): Promise<void>;
  /** It works while others of its kind stand by. */
  readonly leads?: boolean;
  /** What runs the instances, in words, where it knows. */
  cluster?(): Promise<string>;
  /** What an operator would want to be told. Never rejects. */
  checks(): Promise<readonly Check[]> | readonly Check[];
}

/** The role `router`, in this process or in workers. */
export interface RouterPart extends Role {
  /** Where it listens, as an address on this machine; empty until it is started. */
  readonly address: string;
  /** Requests that wait for an instance in this process. */
  readonly waiting: number;
  /** Says that it is not ready, and goes on. */
  drain(): void;
  /** What workers have counted, where there are any. */
  counted?(): Promise<readonly CountedMetrics[]>;
}
