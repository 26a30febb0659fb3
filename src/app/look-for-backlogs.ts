import type { Backlogs } from "../store/repositories/backlog.repository.js";
import type { QueueBacklog } from "./queue-backlog.js";

/** What waits in the store, and of queue triggers whose messages are elsewhere, there; those that can't be counted now are left out. */
export async function lookForBacklogs(
  store: { look(): Promise<Backlogs> },
  queues: Pick<QueueBacklog, "backlog">,
): Promise<Backlogs> {
  const backlogs = await store.look();
  const counts = await queues.backlog(backlogs.elsewhere);
  const counted = backlogs.elsewhere.flatMap(({ id, namespace, name: trigger }) => {
    const count = counts.get(id);
    return count === undefined ? [] : [{ namespace, trigger, count }];
  });
  return { ...backlogs, queues: [...backlogs.queues, ...counted] };
}
