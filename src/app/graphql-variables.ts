/**
 * Checks variables before graphql-js does: its messages repeat the value that was sent, which may be a secret.
 * What is said here instead is where, and what would be right.
 */
import {
  coerceInputValue,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  type OperationDefinitionNode,
  typeFromAST,
  type VariableDefinitionNode,
} from "graphql";
import { type AppError, badInput } from "../errors/app-error.js";
import { dateTimeExample } from "../schema/scalars.js";

type Path = readonly (string | number)[];

/** Throws BAD_USER_INPUT about the first variable that does not fit its type. */
export function checkVariables(
  schema: GraphQLSchema,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): void {
  for (const definition of operation.variableDefinitions ?? []) {
    const type = typeFromAST(schema, definition.type);
    if (!isInputType(type)) continue; // refused by validation
    const problem = findProblem(definition, type, variables);
    if (problem !== undefined) throw problem;
  }
}

function findProblem(
  { variable, defaultValue }: VariableDefinitionNode,
  type: GraphQLInputType,
  variables: Readonly<Record<string, unknown>>,
): AppError | undefined {
  const name = variable.name.value;
  const isGiven = Object.hasOwn(variables, name);
  if (!isGiven && (defaultValue !== undefined || !isNonNullType(type))) return undefined;
  if (!isGiven) return badInput(name, `Variable $${name} must be given: it is of type ${String(type)}.`);
  let problem: AppError | undefined;
  coerceInputValue(variables[name], type, (path, _value, { message }) => {
    problem ??= toProblem(name, type, path, message);
  });
  return problem;
}

function toProblem(variable: string, type: GraphQLInputType, path: Path, message: string): AppError {
  const field = path.length === 0 ? variable : path.join(".");
  const missing = /^Field "(\w+)" of required type/.exec(message)?.[1];
  if (missing !== undefined) {
    const whole = [...path, missing].join(".");
    return badInput(whole, `${whole} must be given: it is of type ${String(typeAt(type, [...path, missing]))}.`);
  }
  return badInput(field, `${field} ${expectation(typeAt(type, path), message)}.`);
}

function expectation(type: GraphQLInputType, message: string): string {
  const named = getNamedType(type);
  if (isInputObjectType(named) && message.includes("is not defined by type")) {
    return `has a field that ${named.name} does not have: it has ${Object.keys(named.getFields()).join(", ")}`;
  }
  if (isEnumType(named)) {
    return `must be one of ${named
      .getValues()
      .map(({ name }) => name)
      .join(", ")}`;
  }
  const example = named.name === "DateTime" ? `, such as ${dateTimeExample}` : "";
  return `must be of type ${String(type)}${example}`;
}

/** The type of what lies at `path` inside a value of `type`. */
function typeAt(type: GraphQLInputType, [step, ...rest]: Path): GraphQLInputType {
  const inner = getNullableType(type);
  if (step === undefined) return type;
  if (isListType(inner)) return typeAt(inner.ofType, typeof step === "number" ? rest : [step, ...rest]);
  const field = isInputObjectType(inner) ? inner.getFields()[step] : undefined;
  return field === undefined ? type : typeAt(field.type, rest);
}
