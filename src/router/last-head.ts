import type { AnswerHead } from "./answer-fields.js";

/** Longer heads have something in them that is seldom the same twice. */
const maxBytes = 1024;

interface Known {
  readonly head: AnswerHead;
  /** In bytes, with the empty line at its end. */
  readonly length: number;
  readonly isToHead: boolean;
}

/**
 * The head that came last over a connection. A function's answers mostly begin alike, to the date, and to see that they do
 * takes a tenth of what it takes to read them.
 */
export class LastHead {
  #bytes: Buffer | undefined;
  #known: Known | undefined;

  /** `text` is the whole head; each character is a byte. */
  set(text: string, head: AnswerHead, isToHead: boolean): void {
    const { length } = text;
    this.#known = length > maxBytes ? undefined : { head, length, isToHead };
    if (this.#known === undefined) return;
    this.#bytes ??= Buffer.allocUnsafeSlow(maxBytes);
    this.#bytes.write(text, "latin1");
  }

  /** What `bytes` hold from `at` on, if that is the same head as an answer to the same kind of request. */
  at(bytes: Buffer, at: number, isToHead: boolean): Known | undefined {
    const known = this.#known;
    if (known === undefined || this.#bytes === undefined || known.isToHead !== isToHead) return undefined;
    const end = at + known.length;
    if (end > bytes.length || bytes.compare(this.#bytes, 0, known.length, at, end) !== 0) return undefined;
    return known;
  }
}
