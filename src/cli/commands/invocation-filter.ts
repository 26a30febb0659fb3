/** What says which invocations: an id, or flags for the commands that take several. */
import { refused, usageError } from "../cli-error.js";
import type { Context } from "../context.js";
import { isId } from "../find-trigger.js";
import { listTriggers } from "../operations/trigger.operations.js";
import { readTime } from "../options.js";
import { collect } from "../paging.js";
import { triggerWords } from "../trigger-operations.js";

export interface FilterOptions {
  readonly allNamespaces?: boolean;
  readonly function?: string;
  readonly trigger?: string;
  readonly since?: string;
  readonly until?: string;
}

export const noInvocation = (id: string): Error =>
  refused(`no invocation ${id}; it may be older than what the server keeps`);

export function idOf({ args }: Context<unknown>): string {
  const [id] = args;
  if (id === undefined) throw usageError("its id is missing; `fermi invocation list` shows them");
  return id;
}

/** Names are one kind's own, so several triggers may have the one that was given. An id is that of a deleted one too. */
async function triggerId({ api, namespace, options }: Context<FilterOptions>, given: string): Promise<string> {
  if (isId(given)) return given;
  const from = options.allNamespaces === true ? null : namespace;
  const all = await collect(Infinity, async (first, after) => {
    const variables = { namespace: from, function: null, first, after };
    return (await api.request(listTriggers, variables)).triggers;
  });
  const [found, ...others] = all.filter(({ name }) => name === given);
  const where = from === null ? "" : ` in namespace ${from}`;
  if (found === undefined) throw refused(`no trigger ${given}${where}; pass its id if it has been deleted`);
  if (others.length === 0) return found.id;
  const each = [found, ...others].map(({ __typename: type, id }) => `${triggerWords[type].one} ${id}`);
  throw refused(`several triggers are called ${given}${where}; pass the id of one: ${each.join(", ")}`);
}

/** The fields of the filter that flags of these names fill. */
export async function readFilter(context: Context<FilterOptions>): Promise<Record<string, string | undefined>> {
  const { options, now } = context;
  const trigger = options.trigger === undefined ? undefined : await triggerId(context, options.trigger);
  return {
    // A trigger stands for its namespace: who has an id needs no namespace to go with it.
    namespace: options.allNamespaces === true || trigger !== undefined ? undefined : context.namespace,
    trigger,
    function: options.function,
    since: options.since === undefined ? undefined : readTime(options.since, now),
    until: options.until === undefined ? undefined : readTime(options.until, now),
  };
}
