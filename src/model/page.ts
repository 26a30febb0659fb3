/** A request for one page of a keyset-ordered list, already checked: exactly one of first and last is set. */
export interface PageRequest {
  readonly first?: number;
  readonly after?: string;
  readonly last?: number;
  readonly before?: string;
}

export interface Edge<T> {
  /** Opaque to clients. */
  readonly cursor: string;
  readonly node: T;
}

/** Shaped as a Relay connection; `totalCount` is asked of the store only when a query selects it. */
export interface Page<T> {
  readonly edges: readonly Edge<T>[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

export const maxPageSize = 200;
