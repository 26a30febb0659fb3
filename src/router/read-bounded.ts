import type { IncomingMessage } from "node:http";
import type { Clock } from "../lib/clock.js";
import type { ByteShare } from "../lib/byte-budget.js";
import { malformed } from "./request-head.js";
import { bodyTooSlow, tooLarge } from "./upload.js";

export interface BodyBounds {
  readonly maxBytes: number;
  readonly withinMs: number;
  /** Where room is taken for what comes. */
  readonly share: ByteShare;
  /** What is said where there is none. */
  readonly noRoom: () => Error;
}

/** Each chunk costs some hundred bytes beside what is in it, and a body may come byte by byte. */
const maxChunks = 256;

/**
 * The whole of a body that is kept. Rejects with BODY_TOO_LARGE as soon as it is, with REQUEST_TIMEOUT where it comes too
 * slowly, and with BAD_REQUEST where it breaks off. After a rejection nothing of it is kept.
 */
export function readBounded(req: IncomingMessage, bounds: BodyBounds, clock: Clock): Promise<Buffer> {
  const { maxBytes, withinMs, share, noRoom } = bounds;
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    const fail = (error: Error): void => {
      req.off("data", keep);
      chunks = [];
      reject(error);
    };
    const keep = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > maxBytes) return fail(tooLarge(maxBytes));
      if (!share.grow(chunk.length)) return fail(noRoom());
      chunks.push(chunk);
      if (chunks.length >= maxChunks) chunks = [Buffer.concat(chunks)];
    };
    const timer = clock.after(withinMs, () => fail(bodyTooSlow()));
    req.on("data", keep);
    req.once("end", () => resolve(Buffer.concat(chunks)));
    req.on("error", fail);
    req.once("close", () => {
      timer.stop();
      fail(malformed("The request's body is not complete."));
    });
  });
}
