import { operation } from "../graphql-client.js";
import {
  createOperation,
  deleteOperation,
  enableOperation,
  getOperation,
  listOperation,
  updateOperation,
  type TriggerNode,
} from "../trigger-operations.js";

export interface TimerNode extends TriggerNode {
  readonly schedule: string;
  readonly timezone: string;
  readonly onMissed: string;
  readonly missedWindowSeconds: number;
  readonly overlap: string;
  readonly nextRuns: readonly string[];
  readonly lastRunAt: string | null;
}

const fields = "schedule timezone onMissed missedWindowSeconds overlap nextRuns(count: 1) lastRunAt";

export const createTimer = createOperation<TimerNode>("TimeTrigger", fields);
export const updateTimer = updateOperation<TimerNode>("TimeTrigger", fields);
export const enableTimer = enableOperation<TimerNode>("TimeTrigger", fields);
export const deleteTimer = deleteOperation<TimerNode>("TimeTrigger", fields);
export const getTimer = getOperation<TimerNode>("TimeTrigger", fields);
export const listTimers = listOperation<TimerNode>("TimeTrigger", fields);

export const nextRuns = operation<
  { trigger: { readonly nextRuns?: readonly string[] } | null },
  { id: string; count: number }
>(/* GraphQL */ `
  query NextRuns($id: ID!, $count: Int!) {
    trigger(id: $id) {
      ... on TimeTrigger {
        nextRuns(count: $count)
      }
    }
  }
`);
