import { parse, visit, BREAK } from "graphql";

interface HistoryItem {
  readonly query?: string;
  readonly operationName?: string;
  readonly label?: string;
  readonly favorite?: boolean;
}

/** Input fields whose values are secrets often enough: a function's variables, and the headers of a call. */
const secretFields = new Set(["variables", "headers"]);

/**
 * What of GraphiQL's history may be kept: the text of operations, never their headers (which GraphiQL would keep), never
 * their variables, and no operation whose text itself spells out a function's variables or a call's headers, or has text
 * for the default of a variable, which may become either.
 */
export function withoutSecrets(stored: string): string {
  const lists = JSON.parse(stored) as Record<string, HistoryItem[]>;
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(lists).map(([name, items]) => [
        name,
        items.filter(({ query }) => query !== undefined && !spellsOutSecrets(query)).map(kept),
      ]),
    ),
  );
}

const kept = ({ query, operationName, label, favorite }: HistoryItem): HistoryItem => ({
  query,
  operationName,
  label,
  favorite,
});

/** True also where the text can't be read: what isn't understood isn't kept. */
export function spellsOutSecrets(query: string): boolean {
  let found = false;
  try {
    visit(parse(query), {
      VariableDefinition: ({ defaultValue }) => {
        if (defaultValue === undefined || !hasText(defaultValue)) return undefined;
        found = true;
        return BREAK;
      },
      ObjectField: (field) => {
        if (!secretFields.has(field.name.value) || !hasText(field)) return undefined;
        found = true;
        return BREAK;
      },
    });
  } catch {
    return true;
  }
  return found;
}

/** A reference to a GraphQL variable gives nothing away; a text does. */
function hasText(node: Parameters<typeof visit>[0]): boolean {
  let found = false;
  visit(node, {
    StringValue: () => {
      found = true;
      return BREAK;
    },
  });
  return found;
}
