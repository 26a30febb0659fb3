import { type DocumentNode, getOperationAST, GraphQLError, type GraphQLSchema, parse, validate } from "graphql";
import { checkLimits, noSuchOperation, type Operation, type OperationLimits } from "./graphql-limits.js";
import { checkNulls } from "./graphql-nulls.js";
import { checkVariables } from "./graphql-variables.js";

export interface OperationRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

/** A document or request that is refused as a whole: every error of it, as Apollo would have labelled them. */
export class RefusedOperation extends AggregateError {
  declare readonly errors: GraphQLError[];
}

/** Does for an operation from a WebSocket what Apollo and its plugin do over HTTP. Throws RefusedOperation or AppError. */
export function prepareOperation(schema: GraphQLSchema, limits: OperationLimits, request: OperationRequest): Operation {
  const document = parsed(request.query, limits.tokens);
  const invalid = validate(schema, document);
  if (invalid.length > 0) throw refused(invalid, "GRAPHQL_VALIDATION_FAILED");
  const operation = getOperationAST(document, request.operationName);
  if (!operation) throw noSuchOperation();
  const prepared = { schema, document, operation, variables: request.variables ?? {} };
  checkOperation(prepared, limits);
  return prepared;
}

/** What is checked of a valid operation, whichever way it came. */
export function checkOperation(operation: Operation, limits: OperationLimits): void {
  checkVariables(operation.schema, operation.operation, operation.variables);
  checkNulls(operation);
  checkLimits(operation, limits);
}

function parsed(query: string, maxTokens: number): DocumentNode {
  try {
    return parse(query, { maxTokens });
  } catch (error) {
    throw error instanceof GraphQLError ? refused([error], "GRAPHQL_PARSE_FAILED") : error;
  }
}

const refused = (errors: readonly GraphQLError[], code: string): RefusedOperation =>
  new RefusedOperation(
    errors.map(({ message, nodes, source, positions }) => {
      return new GraphQLError(message, { nodes, source, positions, extensions: { code } });
    }),
  );
