import { GraphQLDateTime, GraphQLJSON } from "graphql-scalars";

/** RFC 3339 in UTC with milliseconds. */
export const DateTimeScalar = GraphQLDateTime;
export const JsonScalar = GraphQLJSON;
