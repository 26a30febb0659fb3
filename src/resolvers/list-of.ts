import type { Page } from "../model/page.js";
import type { RequestContext } from "../model/request-context.js";
import { noSuch } from "./record-filters.js";

interface Named {
  readonly namespace?: string | null;
  readonly name?: string | null;
}

/** Whose list it is: a resource that is named, in one namespace or in any. */
export interface Owner extends Named {
  readonly field: string;
  readonly among: { count(ctx: RequestContext, filter: Named): Promise<number> };
}

/**
 * The page, where there is an owner of that name or none is named; else NOT_FOUND. Only an empty page is doubtful, so no
 * other costs a question.
 */
export async function listOf<T>(
  ctx: RequestContext,
  { namespace, name, field, among }: Owner,
  page: Promise<Page<T>>,
): Promise<Page<T>> {
  const found = await page;
  if (found.edges.length > 0 || name == null) return found;
  if ((await among.count(ctx, { namespace, name })) === 0) throw noSuch(field, namespace);
  return found;
}
