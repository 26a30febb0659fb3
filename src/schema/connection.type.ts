import { type ClassType, Field, Int, ObjectType } from "type-graphql";
import type { Edge } from "../model/page.js";

@ObjectType("PageInfo", { description: "Where a page lies in its list." })
export class PageInfoType {
  @Field(() => Boolean, { description: "Whether something follows; ask for it with after: endCursor." })
  hasNextPage!: boolean;

  @Field(() => Boolean, { description: "Whether something comes before." })
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: "The cursor of the first edge; null where there is none." })
  startCursor!: string | null;

  @Field(() => String, { nullable: true, description: "The cursor of the last edge; null where there is none." })
  endCursor!: string | null;
}

/** One page of a list, as Relay wants it. */
export interface ConnectionShape<T> {
  readonly edges: readonly Edge<T>[];
  readonly nodes: readonly T[];
  readonly pageInfo: PageInfoType;
}

export interface CountedConnectionShape<T> extends ConnectionShape<T> {
  readonly totalCount: Promise<number>;
}

type NodeType = ClassType | (abstract new () => object);

/** Declares XEdge and XConnection. */
export function declareConnection<T>(name: string, node: NodeType): ClassType<ConnectionShape<T>> {
  @ObjectType(`${name}Edge`, { description: "One item and its place in the list." })
  class EdgeType implements Edge<T> {
    @Field(() => String, { description: "Its place: give it as after or before. Opaque." })
    cursor!: string;

    @Field(() => node as ClassType, { description: "The item." })
    node!: T;
  }

  @ObjectType(`${name}Connection`, { description: "One page of a list." })
  class ConnectionType implements ConnectionShape<T> {
    @Field(() => [EdgeType], { description: "The items, each with its cursor." })
    edges!: readonly Edge<T>[];

    @Field(() => [node as ClassType], { description: "The items alone." })
    nodes!: readonly T[];

    @Field(() => PageInfoType, { description: "Where the page lies in the list." })
    pageInfo!: PageInfoType;
  }
  return ConnectionType;
}

/** Declares XEdge and an XConnection that also tells how many items the whole list has. */
export function declareCountedConnection<T>(name: string, node: NodeType): ClassType<CountedConnectionShape<T>> {
  const Connection = declareConnection<T>(name, node) as ClassType<CountedConnectionShape<T>>;
  const totalCount = Field(() => Int, { description: "How many items the whole list has." });
  totalCount(Connection.prototype, "totalCount");
  return Connection;
}
