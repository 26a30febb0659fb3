/** What the rules for routes need of the store. */
import { AppError } from "../errors/app-error.js";
import type { NewHttpTrigger } from "../model/inputs.js";
import type { Trigger } from "../model/trigger.js";
import type { StoreTransaction } from "./store-port.js";
import { firstFreeName, triggerNameBase } from "./trigger-name.js";

export async function freeRouteName(
  tx: StoreTransaction,
  { namespace, methods, path }: NewHttpTrigger,
): Promise<string> {
  const base = triggerNameBase(methods, path);
  return firstFreeName(base, await tx.triggers.routeNamesLike(namespace, base));
}

/** A route (host, path shape, method) belongs to one trigger, disabled or not, of any namespace. */
export async function refuseTakenRoute(tx: StoreTransaction, trigger: Trigger): Promise<void> {
  const owner = trigger.kind === "HTTP" ? await tx.triggers.routeOwner(trigger) : undefined;
  if (owner === undefined) return;
  throw new AppError(
    "ALREADY_EXISTS",
    `Another trigger takes ${owner.method} requests to this host and path already (its id is ${owner.triggerId}); ` +
      "a route has one trigger, whatever its parameters are called and whether it is enabled or not.",
    { field: "path" },
  );
}
