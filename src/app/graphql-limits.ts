/** Bounds on what one operation may ask for, the same over HTTP and WebSocket. Checked after validation, before execution. */
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNullableType,
  type GraphQLField,
  type GraphQLSchema,
  isListType,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
} from "graphql";
import { type ComplexityEstimator, fieldExtensionsEstimator, getComplexity } from "graphql-query-complexity";
import { AppError } from "../errors/app-error.js";
import { maxPageSize } from "../model/page.js";

export interface OperationLimits {
  /** Fields below each other. Introspection does not count: graphql-js bounds its depth itself. */
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  /** Fields and fragments, those inside a fragment counted anew wherever it is spread; introspection too. */
  readonly selections: number;
  /** Lexical tokens of the document. */
  readonly tokens: number;
  /** Fields to be resolved, a list without pages counted as short as such lists are. */
  readonly complexity: number;
  /** The same, were each list without pages as long as a page may be: few levels of them are that many fields. */
  readonly fields: number;
}

export const defaultOperationLimits: OperationLimits = {
  depth: 12,
  aliases: 30,
  directives: 50,
  selections: 10_000,
  tokens: 2_000,
  complexity: 25_000,
  fields: 1_000_000,
};

/** How long lists without pages, such as a function's triggers or a pool's instances, are taken to be. */
const listLengths = [
  ["complexity", 10],
  ["fields", maxPageSize],
] as const;

export interface Operation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Throws BAD_REQUEST that names the limit. The document is valid: its fragments exist and make no circle. */
export function checkLimits({ schema, document, operation, variables }: Operation, limits: OperationLimits): void {
  const fragments = document.definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  const size = new Measure(fragments).of(operation);
  for (const name of ["depth", "aliases", "directives", "selections"] as const) {
    if (size[name] > limits[name]) throw tooLarge(name, limits[name]);
  }
  for (const [name, listLength] of listLengths) {
    const complexity = getComplexity({
      schema,
      query: { kind: Kind.DOCUMENT, definitions: [operation, ...fragments] },
      variables: { ...variables },
      // Beyond its own bound it throws; what it would count at most was counted above.
      maxQueryNodes: limits.selections + 1,
      estimators: [ignoreIntrospection, fieldExtensionsEstimator(), itemCounter(listLength)],
    });
    if (complexity > limits[name]) throw tooLarge(name, limits[name]);
  }
}

const advice: Record<keyof OperationLimits, string> = {
  depth: "Select fewer levels of fields below each other",
  aliases: "Use fewer aliases, or several requests",
  directives: "Use fewer directives",
  selections: "Select fewer fields, or spread fewer fragments inside each other",
  tokens: "Send a shorter document, with what is long in its variables, or several requests",
  complexity: "Select fewer fields, or ask for smaller pages",
  fields: "Select fewer lists inside each other, such as triggers or instances",
};

export const tooLarge = (name: keyof OperationLimits, limit: number): AppError =>
  new AppError("BAD_REQUEST", `The operation is too large. ${advice[name]}: the limit of ${name} is ${limit}.`);

export const noSuchOperation = (): AppError =>
  new AppError("BAD_REQUEST", "operationName must name one of the document's operations.");

interface Size {
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  readonly selections: number;
}

const nothing: Size = { depth: 0, aliases: 0, directives: 0, selections: 0 };

/** Measures each fragment once, however often it is spread, so that nested fragments can't make measuring itself slow. */
class Measure {
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly #known = new Map<string, Size>();

  constructor(fragments: readonly FragmentDefinitionNode[]) {
    this.#fragments = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
  }

  of(node: OperationDefinitionNode | FragmentDefinitionNode | SelectionNode): Size {
    if (node.kind === Kind.FRAGMENT_SPREAD) return withDirectives(node, this.#ofFragment(node.name.value));
    const children = node.selectionSet?.selections ?? [];
    const below = children.map((child) => this.of(child)).reduce(add, nothing);
    const inside = { ...below, selections: below.selections + children.length };
    if (node.kind !== Kind.FIELD) return withDirectives(node, inside);
    const isIntrospection = node.name.value.startsWith("__");
    const { selections } = inside;
    return withDirectives(node, isIntrospection ? { ...nothing, selections } : withField(node, inside));
  }

  #ofFragment(name: string): Size {
    const fragment = this.#fragments.get(name);
    const size = this.#known.get(name) ?? (fragment === undefined ? nothing : this.of(fragment));
    this.#known.set(name, size);
    return size;
  }
}

const add = (a: Size, b: Size): Size => ({
  depth: Math.max(a.depth, b.depth),
  aliases: a.aliases + b.aliases,
  directives: a.directives + b.directives,
  selections: a.selections + b.selections,
});

const withField = (field: FieldNode, inside: Size): Size => ({
  ...inside,
  depth: inside.depth + 1,
  aliases: inside.aliases + (field.alias === undefined ? 0 : 1),
});

const withDirectives = (node: { readonly directives?: readonly unknown[] }, size: Size): Size => ({
  ...size,
  directives: size.directives + (node.directives?.length ?? 0),
});

const ignoreIntrospection: ComplexityEstimator = ({ field }) => (field.name.startsWith("__") ? 0 : undefined);

const itemCounter =
  (listLength: number): ComplexityEstimator =>
  ({ args, childComplexity, field, type }) =>
    1 + childComplexity * (pageSizeOf(field, args) ?? (isPlainList(field, type.name) ? listLength : 1));

interface PageArgs {
  readonly first?: number | null;
  readonly last?: number | null;
}

/** What `logs` gives where neither end is asked for. */
const defaultItems = 100;

/** Bounded: a page size beyond what lists allow is refused by the list itself, with a better message. */
function pageSizeOf(field: GraphQLField<unknown, unknown>, { first, last }: PageArgs): number | undefined {
  if (!field.args.some(({ name }) => name === "first")) return undefined;
  return Math.min(Math.max(first ?? last ?? defaultItems, 1), maxPageSize);
}

/** A connection's items were counted at the field that gave the connection. */
const isPlainList = (field: GraphQLField<unknown, unknown>, parent: string): boolean =>
  isListType(getNullableType(field.type)) && !parent.endsWith("Connection");
