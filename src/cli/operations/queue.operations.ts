import {
  createOperation,
  deleteOperation,
  enableOperation,
  getOperation,
  listOperation,
  updateOperation,
  type TriggerNode,
} from "../trigger-operations.js";

export interface QueueNode extends TriggerNode {
  readonly broker: string;
  readonly topic: string;
  readonly responseTopic: string | null;
  readonly errorTopic: string | null;
  readonly maxAttempts: number;
  readonly concurrency: number;
  /** Null where it can't be told now. */
  readonly backlog: number | null;
}

const fields = "broker topic responseTopic errorTopic maxAttempts concurrency backlog";

export const createQueue = createOperation<QueueNode>("QueueTrigger", fields);
export const updateQueue = updateOperation<QueueNode>("QueueTrigger", fields);
export const enableQueue = enableOperation<QueueNode>("QueueTrigger", fields);
export const deleteQueue = deleteOperation<QueueNode>("QueueTrigger", fields);
export const getQueue = getOperation<QueueNode>("QueueTrigger", fields);
export const listQueues = listOperation<QueueNode>("QueueTrigger", fields);
