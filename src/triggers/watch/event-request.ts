import type { InvokeRequest } from "../../invocations/invoke-request.js";
import type { KubernetesWatchTrigger } from "../../model/trigger.js";
import type { WatchEvent } from "./watch-event.js";

/** How a function is told of an event. `attempt` is 1 at first. */
export function eventRequest(trigger: KubernetesWatchTrigger, event: WatchEvent, attempt: number): InvokeRequest {
  const { type, kind, metadata, body, isPartial } = event;
  const { name, namespace, resourceVersion } = metadata;
  return {
    functionId: trigger.functionId,
    version: null,
    method: "POST",
    path: "/",
    headers: [
      ["Content-Type", "application/json"],
      // As Fission has it.
      ["X-Kubernetes-Event-Type", type],
      ["X-Kubernetes-Object-Type", kind],
    ],
    ownHeaders: [
      ["X-Fermi-Trigger", trigger.name],
      ["X-Fermi-Attempt", String(attempt)],
      ["X-Fermi-Event", type],
      ["X-Fermi-Object-Kind", kind],
      ...(namespace === undefined ? [] : [["X-Fermi-Object-Namespace", namespace] as const]),
      ["X-Fermi-Object-Name", name],
      ["X-Fermi-Object-ResourceVersion", resourceVersion],
      ...(isPartial ? [["X-Fermi-Object-Partial", "true"] as const] : []),
    ],
    body,
    source: "KUBERNETES_WATCH",
    triggerId: trigger.id,
  };
}
