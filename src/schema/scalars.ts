import { GraphQLError, GraphQLScalarType, Kind } from "graphql";
import { GraphQLJSON } from "graphql-scalars";

export const dateTimeExample = "2026-01-31T12:00:00.000Z";
const rfc3339 = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i;

/** Unlike others of its kind, it does not repeat a wrong value in its message. */
export const DateTimeScalar = new GraphQLScalarType<Date, string>({
  name: "DateTime",
  description: `A moment, as RFC 3339 says it; what is given is UTC with milliseconds, such as ${dateTimeExample}.`,
  specifiedByURL: "https://www.rfc-editor.org/rfc/rfc3339",
  serialize: (value) => (value as Date).toISOString(),
  parseValue: parse,
  parseLiteral: (node) => parse(node.kind === Kind.STRING ? node.value : undefined),
});

function parse(text: unknown): Date {
  const date = typeof text === "string" && rfc3339.test(text) ? new Date(text) : undefined;
  if (date !== undefined && !Number.isNaN(date.getTime())) return date;
  throw new GraphQLError(`DateTime must be of the form of RFC 3339, such as ${dateTimeExample}.`);
}

export const JsonScalar = GraphQLJSON;
