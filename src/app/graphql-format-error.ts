/**
 * Turns whatever went wrong into what the caller may know: a code of the closed table, one message, the field at fault.
 * Used for every error over HTTP and WebSocket. Never a stack, an SQL text, or what was sent.
 */
import type { ValidationError } from "class-validator";
import { GraphQLError, type GraphQLFormattedError } from "graphql";
import { ArgumentValidationError } from "type-graphql";
import { AppError, badInput } from "../errors/app-error.js";
import { errorCodes, type ErrorOwner } from "../errors/codes.js";
import type { Logger } from "../lib/logger.js";
import { noSuchOperation, tooLarge } from "./graphql-limits.js";

const internalMessage = "Something went wrong inside Fermi. Its log says what.";

/** Apollo's own codes for requests that never get as far as a resolver. */
const requestCodes: ReadonlySet<unknown> = new Set([
  "GRAPHQL_PARSE_FAILED",
  "GRAPHQL_VALIDATION_FAILED",
  "OPERATION_RESOLUTION_FAILURE",
  "PERSISTED_QUERY_NOT_SUPPORTED",
  "BAD_REQUEST",
]);

export function formatError(error: unknown): GraphQLFormattedError {
  const { code, message, field, retryAfterSeconds } = toAppError(error);
  const { locations, path } = error instanceof GraphQLError ? error.toJSON() : {};
  return { message, locations, path, extensions: { code, field, retryAfterSeconds } };
}

/** An AppError as graphql-js passes it on; Apollo takes the HTTP status from it. */
export const toGraphQLError = (error: AppError): GraphQLError =>
  new GraphQLError(error.message, { originalError: error, extensions: { http: { status: error.httpStatus } } });

const levels: Record<ErrorOwner, keyof Logger> = {
  client: "info",
  routing: "info",
  function: "info",
  capacity: "warn",
  platform: "error",
};

/** Writes each to the log, with its cause where it is no fault of the caller. */
export function logErrors(logger: Logger, requestId: string, errors: readonly unknown[]): void {
  for (const error of errors) {
    const appError = toAppError(error);
    const { code, field } = appError;
    const isOurs = errorCodes[code].owner === "platform";
    const path = error instanceof GraphQLError ? error.path?.join(".") : undefined;
    const err = isOurs ? describe(code === "INTERNAL" ? (appError.cause ?? appError) : appError) : undefined;
    logger[levels[errorCodes[code].owner]]({ requestId, code, field, path, err }, appError.message);
  }
}

export function toAppError(error: unknown): AppError {
  if (error instanceof GraphQLError && requestCodes.has(error.extensions.code)) {
    return new AppError("BAD_REQUEST", refusalOf(error.message));
  }
  const cause = innermost(error);
  if (cause instanceof AppError) return cause;
  if (cause instanceof ArgumentValidationError) return firstViolation(cause.extensions.validationErrors);
  const argument = cause instanceof GraphQLError ? wrongArgument(cause.message) : undefined;
  return argument ?? new AppError("INTERNAL", internalMessage, { cause });
}

/** graphql-js wraps a resolver's error once or more, to say where it happened. */
function innermost(error: unknown): unknown {
  let cause = error;
  while (cause instanceof GraphQLError && !(cause instanceof ArgumentValidationError) && cause.originalError) {
    cause = cause.originalError;
  }
  return cause;
}

function firstViolation(errors: readonly ValidationError[] | undefined, parents: readonly string[] = []): AppError {
  const [error] = errors ?? [];
  const path = error === undefined ? parents : [...parents, error.property];
  const constraint = Object.values(error?.constraints ?? {})[0];
  if (constraint === undefined && error?.children?.length) return firstViolation(error.children, path);
  return badInput(path.join("."), `${path.join(".")} ${constraint ?? "is not what it should be"}.`);
}

/** Valid as a document, wrong when it runs. The message is not passed on, nor logged: it repeats the argument's value. */
function wrongArgument(message: string): AppError | undefined {
  const name = /^Argument "(\w+)" (?:of (?:required|non-null) type|has invalid value) /.exec(message)?.[1];
  return name === undefined ? undefined : badInput(name, `${name} is not what it should be.`);
}

/** The refusal of a document or request, in graphql-js's words but where they lack what to do or repeat what was sent. */
function refusalOf(message: string): string {
  const tokens = /more tha[nt] (\d+) tokens/.exec(message)?.[1];
  if (tokens !== undefined) return tooLarge("tokens", Number(tokens)).message;
  return message.startsWith("Unknown operation named ") ? noSuchOperation().message : withoutValues(message);
}

/** Literals of the document may be secrets. Names stay: they are the document's own, and help to find the place. */
const withoutValues = (message: string): string =>
  message
    .replace(/^(Expected value of type "[^"]+"), found [\s\S]*$/, "$1.")
    .replace(/^((?:Enum "\w+"|\w+) cannot represent [^:]*?(?: value)?): [\s\S]*$/, "$1.")
    .replace(/^Value "[\s\S]*" does not exist in "(\w+)" enum[\s\S]*$/, 'Expected a value of the enum "$1".')
    .replace(/\b(String|BlockString|Int|Float) "[\s\S]*"/, "$1");

/** Only what is known to be harmless: a driver's error may carry the statement's parameters as properties. */
function describe(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const cause = error.cause === undefined ? undefined : describe(error.cause);
  return { type: error.name, message: error.message, stack: error.stack, cause };
}
