/** The three forms of an answer: an aligned table for people, JSON and YAML for programs. */
import { Document, visit } from "yaml";

export const formats = ["table", "json", "yaml"] as const;
export type Format = (typeof formats)[number];

type Cell = string | number | boolean | null | undefined;
/** A column's heading and what it shows of a row. */
export type Column<Row> = readonly [heading: string, cell: (row: Row) => Cell];

const gap = "   ";

/** Aligned like `kubectl get`; what is not known is `-`. */
export function formatTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const lines = [columns.map(([heading]) => heading), ...rows.map((row) => columns.map(([, cell]) => show(cell(row))))];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines
    .map(
      (line) =>
        `${line
          .map((text, at) => text.padEnd(widths[at] ?? 0))
          .join(gap)
          .trimEnd()}\n`,
    )
    .join("");
}

/** One line for each field, like `kubectl describe`; what is not known is left out. */
export function formatDescription<Row>(row: Row, fields: readonly Column<Row>[]): string {
  const known = fields.map(([name, cell]) => [`${name}:`, cell(row)] as const).filter(([, cell]) => cell != null);
  const width = Math.max(...known.map(([name]) => name.length));
  return known.map(([name, cell]) => `${name.padEnd(width)}${gap}${show(cell)}\n`).join("");
}

export const shortened = (text: string | null, length: number): string | null =>
  text === null || text.length <= length ? text : `${text.slice(0, length - 1)}…`;

/** One line however odd the value: a control character in a name must not draw on the terminal. */
// eslint-disable-next-line no-control-regex -- control characters are what it is about
const controls = /[\u0000-\u001f\u007f-\u009f]+/g;

/** Text of several lines; of what draws on a terminal, line ends and tabs stay. */
export const printable = (text: string): string =>
  text.replace(controls, (found) => found.replace(/[^\n\t]/g, (one) => (one === "\r" ? "" : " ")));

function show(value: Cell): string {
  if (value === null || value === undefined || value === "") return "-";
  return String(value).replace(controls, " ");
}

export const formatValue = (value: unknown, format: "json" | "yaml"): string =>
  format === "json" ? `${JSON.stringify(value, null, 2)}\n` : toYaml(value);

/** Parsers of YAML 1.1 take them for line breaks, or refuse them. */
const unlike = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/** Whichever version of YAML reads it: 1.1 takes bare dates, `yes`, `=` and `<<` for something else than text. */
function toYaml(value: unknown): string {
  const document = new Document(value, { compat: "yaml-1.1" });
  visit(document, {
    Scalar: (_key, node) => {
      if (node.value === "=" || (typeof node.value === "string" && node.value.search(unlike) !== -1))
        node.type = "QUOTE_DOUBLE";
    },
  });
  // All of these are in double quotes now.
  return document.toString().replace(unlike, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const units = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "m"],
] as const;

/** `3d`, `5h`, `12m`, `40s`: how long ago that was. */
export function formatAge(at: string, now: Date): string {
  const seconds = Math.max(0, Math.floor((now.getTime() - new Date(at).getTime()) / 1000));
  const [size, unit] = units.find(([unitSize]) => seconds >= unitSize) ?? [1, "s"];
  return `${Math.floor(seconds / size)}${unit}`;
}

export const formatMs = (ms: number | null): string | null =>
  ms === null ? null : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)}ms`;
