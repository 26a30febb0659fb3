import { refused } from "./cli-error.js";
import { nameOf, type Context } from "./context.js";
import { findIn, type Connection } from "./paging.js";
import type { GetTrigger, ListTriggers } from "./trigger-operations.js";

interface Kind<Node> {
  /** As it is typed: `timer`. */
  readonly word: string;
  readonly operations: { readonly get: GetTrigger<Node>; readonly list: ListTriggers<Node> };
}

export const isId = (text: string): boolean => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text);

/** By id wherever it is, or by name in the namespace; a name may look like an id. */
export async function findTrigger<Node extends { readonly id: string; readonly name: string }>(
  context: Context<{ name?: string }>,
  { word, operations: { get, list } }: Kind<Node>,
): Promise<Node> {
  const { namespace, api } = context;
  const name = nameOf(context);
  const { trigger = null } = isId(name) ? await api.request(get, { id: name }) : {};
  if (trigger?.id !== undefined) return trigger;
  const page = async (first: number, after: string | null): Promise<Connection<Node>> =>
    (await api.request(list, { namespace, function: null, first, after })).triggers;
  const found = await findIn(page, (node) => node.name === name);
  if (found !== undefined) return found;
  throw refused(
    `no ${word} ${name} in namespace ${namespace}; \`fermi ${word} list -n ${namespace}\` shows those there are`,
  );
}
