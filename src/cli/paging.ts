export interface Connection<Node> {
  readonly nodes: readonly Node[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

/** The largest page that the server gives. */
const pageSize = 200;

/** Everything of a list, page after page, or its first `limit`. */
export async function collect<Node>(
  limit: number,
  page: (first: number, after: string | null) => Promise<Connection<Node>>,
): Promise<Node[]> {
  const nodes: Node[] = [];
  let after: string | null = null;
  while (nodes.length < limit) {
    const connection: Connection<Node> = await page(Math.min(pageSize, limit - nodes.length), after);
    nodes.push(...connection.nodes);
    after = connection.pageInfo.endCursor;
    if (!connection.pageInfo.hasNextPage || after === null) break;
  }
  return nodes;
}
