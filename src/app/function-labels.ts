export interface FunctionName {
  readonly namespace: string;
  readonly functionName: string;
}

export interface FunctionLabel {
  readonly namespace: string;
  readonly function: string;
}

const other: FunctionLabel = { namespace: "other", function: "other" };

/** Labels for metrics, one for each of the first `max` functions by name; all that come later share "other". */
export class FunctionLabels {
  readonly #labels = new Map<string, FunctionLabel>();

  constructor(private readonly max: number) {}

  /** "other" too where the name is not known. */
  of(name: FunctionName | undefined): FunctionLabel {
    if (name === undefined) return other;
    const { namespace, functionName } = name;
    const key = `${namespace}/${functionName}`;
    const known = this.#labels.get(key);
    if (known !== undefined) return known;
    if (this.#labels.size >= this.max) return other;
    const label = { namespace, function: functionName };
    this.#labels.set(key, label);
    return label;
  }
}
