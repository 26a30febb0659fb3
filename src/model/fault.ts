/** What is wrong with one field of an input. `message` completes "<field> …" and never repeats what was sent. */
export interface Fault {
  /** A path such as `settings.timeoutSeconds`. */
  readonly field: string;
  readonly message: string;
}

/** What a value must be: the test, and how to say so. The schema and the services take the same ones. */
export interface Demand<T> {
  /** Completes "<field> …". */
  readonly must: string;
  readonly holds: (value: T) => boolean;
}

/** The least and the greatest. */
export type Range = readonly [min: number, max: number];

/** One rule: a fault where it is broken. */
export const rule = (holds: boolean, field: string, message: string): Fault | undefined =>
  holds ? undefined : { field, message };

/** The first of the faults there are: one error names one field. */
export const firstFault = (...faults: readonly (Fault | undefined)[]): Fault | undefined =>
  faults.find((fault) => fault !== undefined);

export const demand = <T>(field: string, value: T, { must, holds }: Demand<T>): Fault | undefined =>
  rule(holds(value), field, must);

export const wholeNumber = ([min, max]: Range): Demand<number> => ({
  must: `must be a whole number from ${min} to ${max}`,
  holds: (value) => Number.isInteger(value) && value >= min && value <= max,
});

/** Text that a database and a process environment can hold as it is. */
export const isPlainText = (value: string): boolean => !/[\0\p{Surrogate}]/u.test(value);
