import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import {
  buildSchema,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isUnionType,
  print,
  astFromValue,
} from "graphql";
import { schemaText } from "../../src/resolvers/build-schema.js";

const read = (file: string): string => readFileSync(path.resolve(import.meta.dirname, file), "utf8");

/** One line for everything a client can rely on. */
function linesOf(schema: GraphQLSchema): Set<string> {
  const types = Object.values(schema.getTypeMap()).filter(({ name }) => !name.startsWith("__"));
  return new Set(types.flatMap(typeLines));
}

function typeLines(type: GraphQLNamedType): string[] {
  const head = `${type.astNode?.kind ?? ""} ${type.name}`;
  if (isEnumType(type)) return [head, ...type.getValues().map(({ name }) => `${type.name}.${name}`)];
  if (isUnionType(type)) return [head, ...type.getTypes().map(({ name }) => `${type.name} = ${name}`)];
  if (isInputObjectType(type)) {
    return [head, ...Object.values(type.getFields()).map((field) => `${type.name}.${inputLine(field)}`)];
  }
  if (!isObjectType(type) && !isInterfaceType(type)) return [head];
  const interfaces = type.getInterfaces().map(({ name }) => `${type.name} implements ${name}`);
  return [head, ...interfaces, ...Object.values(type.getFields()).flatMap((field) => fieldLines(type.name, field))];
}

const fieldLines = (owner: string, { name, type, args }: GraphQLField<unknown, unknown>): string[] => [
  `${owner}.${name}: ${String(type)}`,
  ...args.map((argument) => `${owner}.${name}(${inputLine(argument)})`),
];

function inputLine({ name, type, defaultValue }: GraphQLArgument | GraphQLInputField): string {
  const literal = defaultValue === undefined ? undefined : astFromValue(defaultValue, type);
  return `${name}: ${String(type)}${literal ? ` = ${print(literal)}` : ""}`;
}

interface Described {
  readonly description?: string | null;
}

/** Whatever a person meets in the playground's documentation. */
const undescribed = (schema: GraphQLSchema): string[] =>
  Object.values(schema.getTypeMap())
    .filter(({ name }) => !name.startsWith("__"))
    .flatMap(describedParts)
    .filter(([, { description }]) => !description)
    .map(([label]) => label);

function describedParts(type: GraphQLNamedType): [string, Described][] {
  const isRoot = ["Query", "Mutation", "Subscription"].includes(type.name);
  const head: [string, Described][] = isRoot ? [] : [[type.name, type]];
  if (isEnumType(type)) return [...head, ...type.getValues().map((value) => labelled(type.name, value))];
  if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) return head;
  const fields = Object.values<GraphQLInputField | GraphQLField<unknown, unknown>>(type.getFields());
  return [...head, ...fields.flatMap((field) => fieldParts(type.name, field))];
}

function fieldParts(owner: string, field: GraphQLInputField | GraphQLField<unknown, unknown>): [string, Described][] {
  const { args = [] } = field as Partial<GraphQLField<unknown, unknown>>;
  return [labelled(owner, field), ...args.map((argument) => labelled(`${owner}.${field.name}`, argument))];
}

const labelled = (owner: string, part: Described & { readonly name: string }): [string, Described] => [
  `${owner}.${part.name}`,
  part,
];

describe("the schema", () => {
  let text: string;
  beforeAll(async () => {
    text = await schemaText();
  });

  it("is what schema.graphql says: `npm run schema` writes it anew", () => {
    expect(read("../../schema.graphql")).toBe(text);
  });

  it("has every type, field, argument and default that clients rely on", () => {
    const built = linesOf(buildSchema(text));
    const missing = [...linesOf(buildSchema(read("contract.graphql")))].filter((line) => !built.has(line));
    expect(missing).toEqual([]);
  });

  it("has nothing that the contract does not say", () => {
    const contract = linesOf(buildSchema(read("contract.graphql")));
    expect([...linesOf(buildSchema(text))].filter((line) => !contract.has(line))).toEqual([]);
  });

  it("describes every type, field, argument and value", () => {
    expect(undescribed(buildSchema(text))).toEqual([]);
  });
});
