/**
 * Rows for a statement as one array a column, read with `unnest`: half the work that JSON makes, here and in the database.
 * Types are SQL's; what a row has of a column is a scalar.
 */
export interface Column<R> {
  readonly name: string;
  readonly type: string;
  /** What makes the table's value of the array's; its name where not given. */
  readonly sql?: string;
  readonly of: (row: R) => string | number | boolean | null;
}

/** `unnest(…) AS name (…)`, of parameters from `$first` on. */
export const unnest = (columns: readonly Column<never>[], name: string, first: number): string =>
  `unnest(${columns.map(({ type }, at) => `$${first + at}::${type}[]`).join(", ")})
    AS ${name} (${columns.map((column) => column.name).join(", ")})`;

/** A parameter for each column. */
export const arraysOf = <R>(columns: readonly Column<R>[], rows: readonly R[]): string[] =>
  columns.map(({ of }) => `{${rows.map((row) => literal(of(row))).join(",")}}`);

const literal = (value: string | number | boolean | null): string => {
  if (value === null) return "NULL";
  if (typeof value !== "string") return String(value);
  return needsCare.test(value) ? `"${withCare(value)}"` : `"${value}"`;
};

const needsCare = /["\\\0\p{Surrogate}]/u;

/** Postgres text has neither NUL nor halves of surrogate pairs: both become U+FFFD. */
const withCare = (value: string): string => value.replace(/[\0\p{Surrogate}]/gu, "\uFFFD").replace(/["\\]/g, "\\$&");
