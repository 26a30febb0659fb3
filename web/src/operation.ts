import { Kind, parse, type OperationDefinitionNode } from "graphql";

export interface ChosenOperation {
  readonly name: string | undefined;
  readonly isSubscription: boolean;
}

/**
 * Which operation of a document runs. Read from the text that is sent: what GraphiQL says of it is from a moment ago,
 * and names the operation of the tab before when a person is quick, or while there is no schema.
 */
export function chosenOperation(document: string, wanted: string | null | undefined): ChosenOperation {
  const operations = operationsOf(document);
  const chosen =
    operations.find(({ name }) => name?.value === wanted) ?? (operations.length === 1 ? operations[0] : null);
  return chosen
    ? { name: chosen.name?.value, isSubscription: chosen.operation === "subscription" }
    : { name: wanted ?? undefined, isSubscription: false };
}

/** None where the text can't be read: the server then says what is wrong with it. */
function operationsOf(document: string): OperationDefinitionNode[] {
  try {
    return parse(document).definitions.filter(
      ({ kind }) => kind === Kind.OPERATION_DEFINITION,
    ) as OperationDefinitionNode[];
  } catch {
    return [];
  }
}
