/** What the broker of the store needs of the store; src/store fulfils it. */
import type { NewTopicMessage, TopicMessage } from "../../model/topic-message.js";

export interface Claimed {
  readonly triggerId: string;
  readonly lane: string;
  /** Proof of the lease, and its own. */
  readonly epoch: string;
  readonly seq: string;
  readonly attempt: number;
  readonly message: TopicMessage;
}

/** How much of a trigger's backlog is to be claimed. */
export interface Claim {
  readonly triggerId: string;
  /** At most so many. */
  readonly limit: number;
  /** Of all processes together. */
  readonly concurrency: number;
  readonly leaseMs: number;
  /** Also what others have let run out. */
  readonly takesOver: boolean;
  /** Of messages together; one is claimed in any case. */
  readonly maxBytes: number;
}

/** What the store does for it. Everything rejects while the store is away. */
export interface TopicDeliveries {
  /** In how many milliseconds something may be claimed, by trigger. */
  due(triggerIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  claim(claim: Claim): Promise<readonly Claimed[]>;
  /** The epochs of those that are held no more. */
  renew(leases: readonly Claimed[], leaseMs: number): Promise<ReadonlySet<string>>;
  /** False where the lease was lost. */
  finish(claimed: Claimed, followUps: readonly (NewTopicMessage & { readonly id: string })[]): Promise<boolean>;
  postpone(claimed: Claimed, how: { readonly pauseMs: number; readonly counts: boolean }): Promise<boolean>;
  backlog(triggerIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
}
