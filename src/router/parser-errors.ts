/**
 * What connections owe their clients, in the order in which it was asked for: when a request behind others may begin, and
 * connections on which the parser met something that it can't read, or that go on in another protocol. What was asked
 * properly before is answered first, in order; then the error is told, where no answer of another request could be taken
 * for it, and the connection closed.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { newId } from "../lib/new-id.js";
import { malformed } from "./request-head.js";
import { linger, lingerUnread } from "./stop-upload.js";
import { writeErrorToSocket } from "./write-error.js";

/** What a connection still owes its client. */
interface Due {
  readonly answers: Set<ServerResponse>;
  /** How many of their requests may have effects. */
  unsafe: number;
  /** What is to begin when all answers before it are complete. */
  readonly waiting: Map<ServerResponse, () => void>;
  /** The request that the parser is in, or was in last. */
  last: IncomingMessage | undefined;
  isBroken: boolean;
  whenAnswered: () => void;
}

/** Methods that ask for no effects (RFC 9110, 9.2.1). */
const safeMethods: ReadonlySet<string | undefined> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** Beyond it a client that pipelines without end is refused, and its answers hold it up. */
const mostWaiting = 100;

/** Calls what it is given once, when its turn has come; not at all where the connection ends before. */
export type Turn = (then: () => void) => void;

export class ParserErrors {
  readonly #due = new WeakMap<Duplex, Due>();

  /** `answersMs` is how long the answers that are due may take once nothing more can be read. */
  constructor(
    private readonly clock: Clock,
    private readonly answersMs: number,
  ) {}

  /**
   * An answer is due on the request's connection from now until it is complete. False for a request on a connection that
   * is to be closed: it gets none.
   */
  expect(req: IncomingMessage, res: ServerResponse): boolean {
    const due = this.#of(req.socket);
    if (due.isBroken) return false;
    due.answers.add(res);
    const isUnsafe = !safeMethods.has(req.method);
    if (isUnsafe) due.unsafe++;
    due.last = req;
    // It closes once, and `on` is cheaper than `once`.
    res.on("close", () => {
      if (due.last === req && req.complete) due.last = undefined;
      due.answers.delete(res);
      due.waiting.delete(res);
      if (isUnsafe) due.unsafe--;
      if (due.answers.size === 0) due.whenAnswered();
      else begin(due);
    });
    return true;
  }

  /**
   * For a request behind others that have no answer yet: calls what it is given when they have. Undefined where it need not
   * wait: what has no effects may be done side by side, and nothing else (RFC 9112, 9.3.2). Throws QUEUE_FULL.
   */
  turnOf(res: ServerResponse): Turn | undefined {
    const due = this.#of(res.req.socket);
    if (due.answers.size === 1 || due.unsafe === 0) return undefined;
    if (due.waiting.size === mostWaiting) {
      const message = `At most ${mostWaiting} requests may wait for others on their connection.`;
      throw new AppError("QUEUE_FULL", message, { retryAfterSeconds: 1 });
    }
    return (then) => {
      due.waiting.set(res, then);
      begin(due);
    };
  }

  /** Nothing is to be read any more on a connection whose last request is answered by somebody else. */
  ignoreRest(socket: Duplex): void {
    this.#of(socket).isBroken = true;
  }

  /**
   * For a request that asks for another protocol, whose answer is written by the one who serves it: `serve` is called when
   * all that was asked before is answered, and not at all on a connection that is to be closed.
   */
  handOver(socket: Socket, serve: () => void): void {
    const due = this.#of(socket);
    if (due.isBroken) return void socket.resume();
    // Node has let go of the connection, and tells the answers no more that there is room for them.
    const drained = (): void => due.answers.forEach((res) => res.emit("drain"));
    socket.on("drain", drained);
    this.#whenAnswered(due, socket, () => {
      socket.off("drain", drained);
      // What is idle between two requests would be closed after a while.
      socket.setTimeout(0);
      if (socket.writable) serve();
      else lingerUnread(socket, this.clock);
    });
  }

  /** For the server's clientError. */
  handle({ code }: NodeJS.ErrnoException, socket: Duplex): void {
    const due = this.#of(socket);
    // The parser fails anew with every packet that comes after the first failure.
    if (due.isBroken) return;
    if (hasLeft(code, due)) return void socket.destroy();
    due.isBroken = true;
    const error = parserError(code);
    const isWithinBody = due.last?.complete === false;
    const isSilent = isWithinBody || code === "HPE_CLOSED_CONNECTION";
    this.#whenAnswered(due, socket, () => {
      // An answer that closes the connection has begun to do so.
      if (!socket.writable) return;
      if (!isSilent) writeErrorToSocket(socket, error, newId());
      linger(socket, this.clock);
    });
    if (isWithinBody) breakOff(due.last, error);
  }

  #whenAnswered(due: Due, socket: Duplex, then: () => void): void {
    if (due.answers.size === 0) return then();
    const timer = this.clock.after(this.answersMs, () => socket.destroy());
    socket.once("close", () => timer.stop());
    due.whenAnswered = () => {
      timer.stop();
      due.whenAnswered = () => {};
      then();
    };
  }

  #of(socket: Duplex): Due {
    let due = this.#due.get(socket);
    if (due === undefined) {
      due = {
        answers: new Set(),
        unsafe: 0,
        waiting: new Map(),
        last: undefined,
        isBroken: false,
        whenAnswered: () => {},
      };
      this.#due.set(socket, due);
    }
    return due;
  }
}

/** What waits for its turn, if that has come. */
function begin({ answers, waiting }: Due): void {
  const [next] = answers;
  const then = next && waiting.get(next);
  if (next === undefined || then === undefined) return;
  waiting.delete(next);
  then();
}

/** Whoever reads the body gets the error, and answers with it where no answer has begun. */
function breakOff(req: IncomingMessage | undefined, error: AppError): void {
  if (req !== undefined && req.listenerCount("error") > 0) req.emit("error", error);
}

/** Reset, or ended within a request: nobody waits for what is due. */
const hasLeft = (code: string | undefined, { answers }: Due): boolean =>
  code === "ECONNRESET" || (code === "HPE_INVALID_EOF_STATE" && answers.size > 0);

function parserError(code: string | undefined): AppError {
  if (code === "HPE_HEADER_OVERFLOW") return new AppError("HEADERS_TOO_LARGE", "The request's headers are too large.");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new AppError("REQUEST_TIMEOUT", "The request's headers came too slowly.");
  }
  return malformed("The request is no valid HTTP.");
}
