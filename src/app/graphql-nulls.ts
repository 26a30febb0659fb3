/**
 * Finds null where something must be: a document may set what has a default by a nullable variable. graphql-js finds out
 * as it runs, and repeats the literals around it, which may be secrets.
 */
import {
  type DocumentNode,
  isNonNullType,
  Kind,
  type NameNode,
  separateOperations,
  TypeInfo,
  type VariableDefinitionNode,
  visit,
  visitWithTypeInfo,
} from "graphql";
import { type AppError, badInput } from "../errors/app-error.js";
import type { Operation } from "./graphql-limits.js";

/** Throws BAD_USER_INPUT about the first argument, or field of an input, that must not be null and is. */
export function checkNulls({ schema, document, operation, variables }: Operation): void {
  const definitions = operation.variableDefinitions ?? [];
  const nulls = new Set(definitions.filter((one) => isNull(one, variables)).map(({ variable }) => variable.name.value));
  if (nulls.size === 0) return;
  const types = new TypeInfo(schema);
  const trail: string[] = [];
  const step = {
    enter: ({ name }: { readonly name: NameNode }): void => void trail.push(name.value),
    leave: (): void => void trail.pop(),
  };
  const visitor = visitWithTypeInfo(types, {
    [Kind.VARIABLE_DEFINITION]: () => false,
    [Kind.ARGUMENT]: step,
    [Kind.OBJECT_FIELD]: step,
    [Kind.VARIABLE]({ name }) {
      if (nulls.has(name.value) && isNonNullType(types.getInputType())) throw mustBeGiven(trail);
    },
  });
  visit(withItsFragments(document, operation.name?.value), visitor);
}

const isNull = (
  { variable, defaultValue }: VariableDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): boolean =>
  Object.hasOwn(variables, variable.name.value)
    ? variables[variable.name.value] === null
    : defaultValue?.kind === Kind.NULL;

const withItsFragments = (document: DocumentNode, operationName = ""): DocumentNode =>
  separateOperations(document)[operationName] ?? document;

/** Named as in an input: by the fields that lead there, or else by the argument. */
function mustBeGiven([argument = "", ...fields]: readonly string[]): AppError {
  const name = fields.length > 0 ? fields.join(".") : argument;
  return badInput(name, `${name} must be given, and not be null.`);
}
