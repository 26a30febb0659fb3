import type { IncomingMessage } from "node:http";
import type { Clock } from "../lib/clock.js";
import { malformed } from "./request-head.js";
import { bodyTooSlow, tooLarge } from "./upload.js";

export interface BodyBounds {
  readonly maxBytes: number;
  readonly withinMs: number;
}

/**
 * The whole of a body that is kept. Rejects with BODY_TOO_LARGE as soon as it is, with REQUEST_TIMEOUT where it comes too
 * slowly, and with BAD_REQUEST where it breaks off.
 */
export function readBounded(req: IncomingMessage, { maxBytes, withinMs }: BodyBounds, clock: Clock): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = clock.after(withinMs, () => reject(bodyTooSlow()));
    req.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) reject(tooLarge(maxBytes));
      else chunks.push(chunk);
    });
    req.once("end", () => resolve(Buffer.concat(chunks)));
    req.on("error", reject);
    req.once("close", () => {
      timer.stop();
      reject(malformed("The request's body is not complete."));
    });
  });
}
