/** Reads the answers on a connection, as they come. */
export interface ReadAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

export class AnswerReader {
  readonly answers: ReadAnswer[] = [];
  #text = "";

  /** `methodOf` tells the method of the request that an answer belongs to. */
  constructor(private readonly methodOf: (answer: number) => string | undefined) {}

  /** What is left that is no answer. */
  get rest(): string {
    return this.#text;
  }

  push(chunk: Buffer): void {
    this.#text += chunk.toString("latin1");
    for (;;) {
      const end = this.#text.indexOf("\r\n\r\n");
      if (end === -1) return;
      const head = this.#text.slice(0, end + 2);
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
      const bodyEnd = status < 200 ? end + 4 : this.#bodyEnd(head, status, end + 4);
      if (bodyEnd === undefined || bodyEnd > this.#text.length) return;
      if (status >= 200) this.answers.push({ status, head, body: this.#text.slice(end + 4, bodyEnd) });
      this.#text = this.#text.slice(bodyEnd);
    }
  }

  /** Undefined where it is not there yet. */
  #bodyEnd(head: string, status: number, from: number): number | undefined {
    if (this.methodOf(this.answers.length) === "HEAD" || status === 204 || status === 304) return from;
    const length = /\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1];
    if (length !== undefined) return from + Number(length);
    const last = this.#text.indexOf("0\r\n\r\n", from);
    return last === -1 ? undefined : last + 5;
  }
}
