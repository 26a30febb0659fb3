/**
 * A request's body on its way to the function: streamed with backpressure, counted, and bounded.
 *
 * What an attempt was given is kept up to a bound, so that an instance that refused before it read anything does not cost
 * the caller his request: the next attempt begins with what was kept. An attempt's stream can be destroyed without harm
 * to the client's connection.
 */
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { AppError } from "../errors/app-error.js";

export interface UploadLimits {
  readonly maxBytes: number;
  /** How much is kept to be sent again. */
  readonly replayBytes: number;
}

/** One attempt's view of the body. */
class UploadStream extends Readable {
  constructor(
    private readonly wanted: () => void,
    private readonly ended: () => void,
  ) {
    super({ highWaterMark: 64 * 1024 });
  }

  override _read(): void {
    this.wanted();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.ended();
    callback(error);
  }
}

export class Upload {
  /** Bytes that came from the client. */
  bytes = 0;
  /** The client has sent all of it. */
  isComplete = false;
  /** When it did, on the monotonic clock. */
  completedMs = 0;
  #kept: Buffer[] | null = [];
  #stream: UploadStream | undefined;
  #failure: AppError | undefined;

  /** `left` is called when the client goes before it has sent everything. */
  constructor(
    private readonly req: IncomingMessage,
    private readonly limits: UploadLimits,
    private readonly nowMs: () => number,
    left: () => void,
  ) {
    req.pause();
    req.on("data", (chunk: Buffer) => this.#data(chunk));
    req.once("end", () => this.#end());
    req.once("close", () => {
      if (!this.isComplete) left();
    });
    // The parser's verdict on a body that it can't read; else the connection's end, which close tells of.
    req.on("error", (error) => {
      if (error instanceof AppError) this.#fail(error);
    });
  }

  /** Everything an attempt was given so far can be given to another. */
  get canReplay(): boolean {
    return this.#kept !== null && this.#failure === undefined;
  }

  /** The function does not read: what it was sent waits in the buffer. */
  get isHeldUp(): boolean {
    return this.#stream !== undefined && this.#stream.readableLength >= this.#stream.readableHighWaterMark;
  }

  /** The body from its start. Ends the stream of an earlier attempt. */
  open(): Readable {
    this.#stream?.destroy();
    const stream = new UploadStream(
      () => this.req.resume(),
      () => this.#closed(stream),
    );
    this.#stream = stream;
    for (const chunk of this.#kept ?? []) stream.push(chunk);
    if (this.isComplete) stream.push(null);
    if (this.#failure !== undefined) stream.destroy(this.#failure);
    return stream;
  }

  #data(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.bytes > this.limits.maxBytes) return this.#fail(tooLarge(this.limits.maxBytes));
    if (this.bytes > this.limits.replayBytes) this.#kept = null;
    this.#kept?.push(chunk);
    if (this.#stream?.push(chunk) !== true) this.req.pause();
  }

  #end(): void {
    this.isComplete = true;
    this.completedMs = this.nowMs();
    this.#stream?.push(null);
  }

  #fail(error: AppError): void {
    this.#failure ??= error;
    this.req.pause();
    this.#stream?.destroy(this.#failure);
  }

  #closed(stream: UploadStream): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    if (!this.isComplete) this.req.pause();
  }
}

export const tooLarge = (maxBytes: number): AppError =>
  new AppError("BODY_TOO_LARGE", `The request's body may have ${maxBytes} bytes at most.`);

export const bodyTooSlow = (): AppError => new AppError("REQUEST_TIMEOUT", "The request's body came too slowly.");

/**
 * The whole of a small body whose length was announced. Rejects with REQUEST_TIMEOUT when it does not come in time; undefined
 * when the client has gone.
 */
export function readWhole(
  req: IncomingMessage,
  after: (task: () => void) => { stop(): void },
): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const timer = after(() => reject(bodyTooSlow()));
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.once("end", () => {
      timer.stop();
      resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
    });
    req.once("close", () => {
      timer.stop();
      resolve(undefined);
    });
    req.on("error", () => {});
  });
}
