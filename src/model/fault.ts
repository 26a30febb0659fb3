/** What is wrong with one field of an input. `message` completes "<field> …" and never repeats what was sent. */
export interface Fault {
  /** A path such as `settings.timeoutSeconds`. */
  readonly field: string;
  readonly message: string;
}

/** One rule: a fault where it is broken. */
export const rule = (holds: boolean, field: string, message: string): Fault | undefined =>
  holds ? undefined : { field, message };

/** The first of the faults there are: one error names one field. */
export const firstFault = (...faults: readonly (Fault | undefined)[]): Fault | undefined =>
  faults.find((fault) => fault !== undefined);

export const wholeNumberFault = (
  field: string,
  value: number,
  [min, max]: readonly [number, number],
): Fault | undefined =>
  rule(Number.isInteger(value) && value >= min && value <= max, field, `must be a whole number from ${min} to ${max}`);

/** Text that a database and a process environment can hold as it is. */
export const isPlainText = (value: string): boolean => !/[\0\p{Surrogate}]/u.test(value);
