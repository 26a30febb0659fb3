/**
 * A request's body as a web stream. Whoever leaves it, cancels it, or answers before its end does the connection no harm:
 * what is still to come is dropped then. (Node's own Readable.toWeb would leave it unread, or close the connection.)
 */
export class WebBody {
  #req;
  /** Undefined once nobody is to get more of it. */
  #controller;

  constructor(req) {
    this.#req = req;
    this.stream = new ReadableStream(
      {
        start: (controller) => this.#start(controller),
        pull: () => void req.resume(),
        cancel: () => this.#drop(),
      },
      { highWaterMark: req.readableHighWaterMark, size: ({ length }) => length },
    );
  }

  /** The answer has been sent: the next request of the connection must not wait for this one's body. */
  leave() {
    if (this.#req.complete) return;
    const rest = this.#controller;
    this.#drop();
    rest?.error(new Error("the rest of the request's body was dropped, because the answer was sent"));
  }

  #start(controller) {
    this.#controller = controller;
    this.#req
      .on("data", (chunk) => this.#take(chunk))
      .on("end", () => this.#controller?.close())
      .on("error", (error) => this.#controller?.error(error))
      .pause();
  }

  #take({ buffer, byteOffset, length }) {
    if (this.#controller === undefined) return;
    this.#controller.enqueue(new Uint8Array(buffer, byteOffset, length));
    if (this.#controller.desiredSize <= 0) this.#req.pause();
  }

  #drop() {
    this.#controller = undefined;
    this.#req.resume();
  }
}
