import { AppError } from "../errors/app-error.js";
import type { RequestContext } from "../model/request-context.js";
import type { ApiParts } from "./operations.js";
import { createLoaders, type LoaderOptions, type Loaders } from "./loaders.js";
import { Subscriptions } from "./subscriptions.js";

/** What every resolver gets: built for each operation, over HTTP and WebSocket alike. */
export interface ApiContext extends RequestContext {
  loaders: Loaders;
  /** A mutation calls it: what was read before it may be so no longer. */
  forget(): void;
  /** A subscription's source has no resolver instance to ask, so it comes along. */
  readonly subscriptions: Subscriptions;
}

export function createApiContext(parts: ApiParts, ctx: RequestContext, options: LoaderOptions): ApiContext {
  const load = (): Loaders => createLoaders(parts, ctx, options);
  return {
    ...ctx,
    loaders: load(),
    // Of whichever copy: Apollo makes one.
    forget() {
      this.loaders = load();
    },
    subscriptions: new Subscriptions(parts),
  };
}

/** The one with this id, which something refers to; it may have been purged in between. */
export async function getReferred<T>(
  loader: { load(id: string): Promise<T | undefined> },
  id: string,
  what: string,
): Promise<T> {
  const found = await loader.load(id);
  if (found === undefined) throw new AppError("NOT_FOUND", `The ${what} that this belongs to is no longer kept.`);
  return found;
}
