import type { Stoppable } from "../lib/stoppable.js";
import type { InstanceOutput } from "./cluster-driver.js";

type Reader = (output: InstanceOutput) => void;

/** Who reads what a driver's instances print. */
export class OutputReaders {
  readonly #readers = new Set<Reader>();

  /** The same function may be added more than once; each addition is told and stopped apart. */
  add(onOutput: Reader): Stoppable {
    const reader: Reader = (output) => onOutput(output);
    this.#readers.add(reader);
    return { stop: () => void this.#readers.delete(reader) };
  }

  tell(output: InstanceOutput): void {
    for (const reader of this.#readers) reader(output);
  }
}
