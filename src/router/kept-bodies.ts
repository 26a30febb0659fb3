/**
 * Bodies that are kept whole until the store has what they are for. However many clients send, and however slow the store
 * is, together they take no more than a fixed room: who finds none is refused, and what he sends is not read on.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { AppError } from "../errors/app-error.js";
import { ByteBudget } from "../lib/byte-budget.js";
import type { Clock } from "../lib/clock.js";
import { readBounded } from "./read-bounded.js";
import type { RequestHead } from "./request-head.js";
import { tooLarge } from "./upload.js";
import { writeContinue } from "./write-continue.js";

interface Sent {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly head: RequestHead;
}

const bodyWithinMs = 30_000;

export class KeptBodies {
  readonly #room: ByteBudget;

  /** `bytes`: of all bodies together. */
  constructor(
    bytes: number,
    private readonly clock: Clock,
  ) {
    this.#room = new ByteBudget(bytes);
  }

  /** Gives `work` the whole body, whose room is taken until it is done. Rejects with QUEUE_FULL where there is none. */
  async use<T>({ req, res, head }: Sent, maxBytes: number, work: (body: Buffer) => Promise<T>): Promise<T> {
    if (head.contentLength === 0) return work(Buffer.alloc(0));
    const announced = head.contentLength ?? 0;
    if (announced > maxBytes) throw tooLarge(maxBytes);
    // Taken as it comes: who announces much and sends nothing keeps nobody out.
    if (!this.#room.hasRoomFor(announced)) throw noRoom();
    if (head.expectsContinue) writeContinue(res);
    const share = this.#room.share();
    try {
      const bounds = { maxBytes, withinMs: bodyWithinMs, share, noRoom };
      return await work(await readBounded(req, bounds, this.clock));
    } finally {
      share.release();
    }
  }
}

const noRoom = (): AppError =>
  new AppError("QUEUE_FULL", "Too many requests that are to be stored are here already. Try again.");
