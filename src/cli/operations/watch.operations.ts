import {
  createOperation,
  deleteOperation,
  enableOperation,
  getOperation,
  listOperation,
  updateOperation,
  type TriggerNode,
} from "../trigger-operations.js";

export interface WatchNode extends TriggerNode {
  readonly apiVersion: string;
  readonly kind: string;
  readonly watchNamespace: string | null;
  readonly labelSelector: string | null;
  readonly fieldSelector: string | null;
}

const fields = "apiVersion kind watchNamespace labelSelector fieldSelector";

export const createWatch = createOperation<WatchNode>("KubernetesWatchTrigger", fields);
export const updateWatch = updateOperation<WatchNode>("KubernetesWatchTrigger", fields);
export const enableWatch = enableOperation<WatchNode>("KubernetesWatchTrigger", fields);
export const deleteWatch = deleteOperation<WatchNode>("KubernetesWatchTrigger", fields);
export const getWatch = getOperation<WatchNode>("KubernetesWatchTrigger", fields);
export const listWatches = listOperation<WatchNode>("KubernetesWatchTrigger", fields);
