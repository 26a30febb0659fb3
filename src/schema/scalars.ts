import { GraphQLError, GraphQLScalarType, Kind } from "graphql";
import { GraphQLJSON } from "graphql-scalars";
import { parseRfc3339 } from "../lib/rfc3339.js";

export const dateTimeExample = "2026-01-31T12:00:00.000Z";

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
  const date = typeof text === "string" ? parseRfc3339(text) : undefined;
  if (date !== undefined) return date;
  throw new GraphQLError(`DateTime must be of the form of RFC 3339, such as ${dateTimeExample}.`);
}

export const JsonScalar = GraphQLJSON;
