export interface Connection<Node> {
  readonly nodes: readonly Node[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

/** The largest page that the server gives. */
const pageSize = 200;

type Page<Node> = (first: number, after: string | null) => Promise<Connection<Node>>;

/** A list, or its first `limit`, or what comes after a cursor; each page is read when it is come to. */
export async function* readList<Node>(
  page: Page<Node>,
  limit = Infinity,
  start: string | null = null,
): AsyncGenerator<Node> {
  let after = start;
  for (let left = limit; left > 0;) {
    const { nodes, pageInfo }: Connection<Node> = await page(Math.min(pageSize, left), after);
    yield* nodes;
    left -= nodes.length;
    after = pageInfo.endCursor;
    if (!pageInfo.hasNextPage || after === null) return;
  }
}

/** Everything of a list, or its first `limit`. */
export async function collect<Node>(limit: number, page: Page<Node>): Promise<Node[]> {
  const nodes: Node[] = [];
  for await (const node of readList(page, limit)) nodes.push(node);
  return nodes;
}

/** The first of a list that is wanted. */
export async function findIn<Node>(page: Page<Node>, isWanted: (node: Node) => boolean): Promise<Node | undefined> {
  for await (const node of readList(page)) if (isWanted(node)) return node;
  return undefined;
}
