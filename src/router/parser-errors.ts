/**
 * Connections on which the parser met something that it can't read, or that go on in another protocol. What was asked
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
  /** The request that the parser is in, or was in last. */
  last: IncomingMessage | undefined;
  isBroken: boolean;
  whenAnswered: () => void;
}

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
    due.last = req;
    // It closes once, and `on` is cheaper than `once`.
    res.on("close", () => {
      if (due.last === req && req.complete) due.last = undefined;
      due.answers.delete(res);
      if (due.answers.size === 0) due.whenAnswered();
    });
    return true;
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
      due = { answers: new Set(), last: undefined, isBroken: false, whenAnswered: () => {} };
      this.#due.set(socket, due);
    }
    return due;
  }
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
