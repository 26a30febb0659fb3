/**
 * What connections owe their clients, in the order in which it was asked for: which requests are not answered yet, when
 * one behind others may begin, and what comes behind them all: another protocol, or the end of a connection on which the
 * parser met something that it can't read. What was asked properly before that is answered first; then the error is told,
 * where no answer of another request could be taken for it, and the connection closed.
 *
 * Nothing begins on a connection on which it could not be answered.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { linger, lingerUnread } from "../lib/linger.js";
import { newId } from "../lib/new-id.js";
import { parserError } from "./parser-error.js";
import { watchForEnd } from "./watch-for-end.js";
import { writeErrorToSocket } from "./write-error.js";

/** What a connection still owes its client. */
interface Due {
  readonly socket: Duplex;
  readonly answers: Set<ServerResponse>;
  /** How many of their requests may have effects. */
  unsafe: number;
  /** Those whose turn is to come, and what is to begin then. */
  readonly waiting: Map<ServerResponse, () => void>;
  /** The request that the parser is in, or was in last. */
  last: IncomingMessage | undefined;
  /** Nothing that comes is a request any more. */
  isBroken: boolean;
  /** What its client had taken when it was last looked, where the next answer was whole by then. */
  takenBytes: number | undefined;
  /** Why the body of the last request never will be complete. */
  bodyError: AppError | undefined;
  whenAnswered: () => void;
}

/** Methods that ask for no effects (RFC 9110, 9.2.1). */
const safeMethods: ReadonlySet<string | undefined> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** Requests of a connection that are under way at a time, or whose answers its client has not taken yet. */
const mostAtOnce = 16;
/** Beyond it a client that pipelines without end is refused, and its answers hold it up. */
const mostWaiting = 100;

/**
 * Calls what it is given once, when its turn has come; not at all where no answer can be written by then. To be called at
 * once: a thousand requests may come in one piece, and who waits is counted by it.
 */
export type Turn = (then: () => void) => void;

export class ConnectionDues {
  readonly #due = new WeakMap<Duplex, Due>();

  /** `answersMs` is how long the answers that are due may take once nothing more can be read. */
  constructor(
    private readonly clock: Clock,
    private readonly answersMs: number,
  ) {}

  /**
   * An answer is due on the request's connection from now until it is complete. False for a request on a connection that
   * is being closed: it gets none, and must have no effects (RFC 9112, 9.6).
   */
  expect(req: IncomingMessage, res: ServerResponse): boolean {
    const due = this.#of(req.socket);
    if (due.isBroken || !req.socket.writable) return false;
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
   * wait: what has no effects may be done side by side, a few at a time, and nothing else (RFC 9112, 9.3.2). Throws
   * QUEUE_FULL.
   */
  turnOf(res: ServerResponse): Turn | undefined {
    const due = this.#of(res.req.socket);
    if (due.answers.size === 1 || (due.unsafe === 0 && due.answers.size <= mostAtOnce)) return undefined;
    if (due.waiting.size >= mostWaiting) {
      const message = `At most ${mostWaiting} requests may wait for others on their connection.`;
      throw new AppError("QUEUE_FULL", message, { retryAfterSeconds: 1 });
    }
    return (then) => void due.waiting.set(res, then);
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
    // Node has let go of the connection, and tells the answers no more that there is room for them, or that it has ended.
    const drained = (): void => due.answers.forEach((res) => res.emit("drain"));
    socket.on("drain", drained);
    if (due.isBroken) return void socket.once("end", () => socket.destroy()).resume();
    const stopWatching = watchForEnd(socket, () => socket.destroy());
    this.#whenAnswered(due, () => {
      stopWatching();
      socket.off("drain", drained);
      // What is idle between two requests would be closed after a while.
      socket.setTimeout(0);
      if (socket.writable) serve();
      else lingerUnread(socket, this.clock);
    });
  }

  /**
   * To be called now and then: cuts a client that has taken nothing since, of an answer that is whole. Those that are under
   * way have limits of their own.
   */
  cutUnread(socket: Socket): void {
    const due = this.#due.get(socket);
    if (due === undefined) return;
    const [next] = due.answers;
    const takenBytes = next?.writableEnded === true ? socket.bytesWritten - socket.writableLength : undefined;
    if (takenBytes !== undefined && takenBytes === due.takenBytes) return void socket.destroy();
    due.takenBytes = takenBytes;
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
    this.#whenAnswered(due, () => {
      // An answer that closes the connection has begun to do so.
      if (!socket.writable) return;
      if (!isSilent) writeErrorToSocket(socket, error, newId());
      linger(socket, this.clock);
    });
    if (!isWithinBody) return;
    due.bodyError = error;
    breakOff(due);
  }

  #whenAnswered(due: Due, then: () => void): void {
    if (due.answers.size === 0) return then();
    const { socket } = due;
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
        socket,
        answers: new Set(),
        unsafe: 0,
        waiting: new Map(),
        last: undefined,
        isBroken: false,
        takenBytes: undefined,
        bodyError: undefined,
        whenAnswered: () => {},
      };
      this.#due.set(socket, due);
    }
    return due;
  }
}

/** What waits for its turn, where that has come; nothing any more where the last answer is out, or the client has gone. */
function begin(due: Due): void {
  const { socket, answers, waiting } = due;
  if (!socket.writable) return waiting.clear();
  let before = 0;
  for (const res of answers) {
    const isSafe = safeMethods.has(res.req.method);
    if (before > 0 && !isSafe) return;
    const then = waiting.get(res);
    if (then !== undefined) {
      waiting.delete(res);
      then();
      // Who has begun to read its body only now has not heard yet.
      if (res.req === due.last) breakOff(due);
    }
    if (!isSafe || ++before === mostAtOnce) return;
  }
}

/** Whoever reads the last body gets its error, and answers with it where no answer has begun. */
function breakOff({ last, bodyError }: Due): void {
  if (last !== undefined && bodyError !== undefined && last.listenerCount("error") > 0) last.emit("error", bodyError);
}

/** Reset, or ended within a request: nobody waits for what is due. */
const hasLeft = (code: string | undefined, { answers }: Due): boolean =>
  code === "ECONNRESET" || (code === "HPE_INVALID_EOF_STATE" && answers.size > 0);
