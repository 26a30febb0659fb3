/**
 * Reads a function's answers from the bytes of its connection, one answer after another.
 *
 * It is strict: what two readers could understand differently is no HTTP, and what comes after an answer's end is not
 * part of any. Bytes are handed on as views of what was read, which are good only until the call returns. Nothing is kept
 * but a head, a line or a trailer section that is not complete, and those are bounded.
 */
import { AppError } from "../errors/app-error.js";
import { notHttp, parseAnswerHead, parseTrailers, type AnswerHead } from "./answer-fields.js";
import { LastHead } from "./last-head.js";

export interface AnswerSink {
  head(head: AnswerHead): void;
  body(bytes: Buffer): void;
}

const headTooLarge = (): AppError => new AppError("FUNCTION_CRASHED", "The function's response headers are too large.");

/** How a part ends, and what it is where it doesn't in time. */
interface End {
  readonly mark: string;
  readonly beyond: () => AppError;
}

const headEnd: End = { mark: "\r\n\r\n", beyond: headTooLarge };
const lineEnd: End = { mark: "\r\n", beyond: notHttp };
const trailerEnd: End = { mark: "\r\n", beyond: headTooLarge };

/** Chunk sizes carry extensions that nobody uses. */
const maxSizeLineBytes = 1024;

type State = "HEAD" | "LENGTH" | "REST" | "SIZE" | "CHUNK" | "CHUNK_END" | "TRAILERS" | "COMPLETE" | "STOPPED";

const version = "HTTP/1.";
const bareLf = /(?:^|[^\r])\n/;

const empty: Buffer = Buffer.alloc(0);

export class AnswerParser {
  #state: State = "STOPPED";
  #isToHead = false;
  /** The beginning of what is not complete. */
  #kept: Buffer = empty;
  /** What heads may still have, those of interim answers included; then what the trailer section may. */
  #headBytesLeft = 0;
  /** Of the body, or of the present chunk. */
  #bytesLeft = 0;
  #trailers: string[] = [];
  readonly #last = new LastHead();

  constructor(
    private readonly sink: AnswerSink,
    private readonly maxHeadBytes: number,
  ) {}

  /** An answer is about to come. */
  begin(isToHead: boolean): void {
    this.#state = "HEAD";
    this.#isToHead = isToHead;
    this.#kept = empty;
    this.#headBytesLeft = this.maxHeadBytes;
    this.#trailers = [];
  }

  /** Nothing more of it is wanted. */
  stop(): void {
    this.#state = "STOPPED";
    this.#kept = empty;
  }

  get isComplete(): boolean {
    return this.#state === "COMPLETE";
  }

  /** Of the answer that is complete: name, value, name, value. */
  get trailers(): readonly string[] {
    return this.#trailers;
  }

  /** Returns how many of the bytes belong to the answer. Throws FUNCTION_CRASHED at what is no HTTP. */
  read(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && this.#state !== "COMPLETE" && this.#state !== "STOPPED") at = this.#step(bytes, at);
    return at;
  }

  /** The connection has ended. True where that is how the answer ends. */
  end(): boolean {
    if (this.#state !== "REST") return false;
    this.#state = "COMPLETE";
    return true;
  }

  /** Takes what it can from `at` on, and returns how far it came. */
  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case "HEAD":
        return this.#readHead(bytes, at);
      case "LENGTH":
      case "CHUNK":
        return this.#readBody(bytes, at);
      case "REST":
        this.sink.body(at === 0 ? bytes : bytes.subarray(at));
        return bytes.length;
      case "SIZE":
        return this.#readSize(bytes, at);
      case "CHUNK_END":
        return this.#readChunkEnd(bytes, at);
      case "TRAILERS":
        return this.#readTrailers(bytes, at);
      default:
        return bytes.length;
    }
  }

  #readHead(bytes: Buffer, from: number): number {
    const again = this.#kept.length === 0 ? this.#last.at(bytes, from, this.#isToHead) : undefined;
    if (again !== undefined && again.length <= this.#headBytesLeft) {
      this.#headBytesLeft -= again.length;
      this.#headIs(again.head);
      return from + again.length;
    }
    const found = this.#find(headEnd, bytes, from, this.#headBytesLeft);
    if (found === undefined) return this.#beginsWell(bytes.length);
    this.#headBytesLeft -= found.text.length;
    const head = parseAnswerHead(found.text.slice(0, -2), this.#isToHead);
    // What is interim goes to nobody. The protocol was not to be switched, as nobody asked for it.
    if (head.status === 101) throw notHttp();
    if (head.status < 200) return found.end;
    this.#last.set(found.text, head, this.#isToHead);
    this.#headIs(head);
    return found.end;
  }

  /** Another protocol, or another end of line, is not waited for. */
  #beginsWell(read: number): number {
    const text = this.#kept.toString("latin1", 0, version.length);
    if (!version.startsWith(text)) throw notHttp();
    return read;
  }

  #headIs(head: AnswerHead): void {
    const { framing } = head;
    if (framing.type === "LENGTH") this.#bytesLeft = framing.bytes;
    this.#state = stateAfterHead[framing.type];
    this.sink.head(head);
  }

  #readBody(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#bytesLeft);
    this.#bytesLeft -= end - at;
    if (this.#bytesLeft === 0) this.#state = this.#state === "CHUNK" ? "CHUNK_END" : "COMPLETE";
    this.sink.body(bytes.subarray(at, end));
    return end;
  }

  #readSize(bytes: Buffer, at: number): number {
    const found = this.#find(lineEnd, bytes, at, maxSizeLineBytes);
    if (found === undefined) return bytes.length;
    const [, size] = /^([0-9A-Fa-f]{1,12})(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n$/.exec(found.text) ?? [];
    if (size === undefined) throw notHttp();
    this.#bytesLeft = parseInt(size, 16);
    this.#state = this.#bytesLeft === 0 ? "TRAILERS" : "CHUNK";
    return found.end;
  }

  #readChunkEnd(bytes: Buffer, at: number): number {
    const found = this.#find(lineEnd, bytes, at, 2);
    if (found === undefined) return bytes.length;
    if (found.text.length !== 2) throw notHttp();
    this.#state = "SIZE";
    return found.end;
  }

  #readTrailers(bytes: Buffer, at: number): number {
    const found = this.#find(trailerEnd, bytes, at, this.#headBytesLeft);
    if (found === undefined) return bytes.length;
    this.#headBytesLeft -= found.text.length;
    if (found.text.length === 2) this.#state = "COMPLETE";
    else this.#trailers.push(...parseTrailers(found.text));
    return found.end;
  }

  /**
   * The text up to `mark`, with it, what was kept before included, and where it ends in `bytes`; undefined where it has not come,
   * and then what has is kept. Throws what `beyond` makes where it is longer than `limit`.
   */
  #find({ mark, beyond }: End, bytes: Buffer, at: number, limit: number): { text: string; end: number } | undefined {
    const before = this.#kept.length;
    const all = before === 0 ? bytes : Buffer.concat([this.#kept, bytes.subarray(at)]);
    const from = before === 0 ? at : 0;
    const start = before === 0 ? at : Math.max(0, before - mark.length);
    const found = all.indexOf(mark, start, "latin1");
    const end = found === -1 ? all.length : found + mark.length;
    const length = found === -1 ? end - from + 1 : end - from;
    if (length > limit) throw beyond();
    if (found === -1) {
      if (bareLf.test(all.toString("latin1", from))) throw notHttp();
      this.#kept = before === 0 ? Buffer.from(bytes.subarray(at)) : all;
      return undefined;
    }
    this.#kept = empty;
    return { text: all.toString("latin1", from, end), end: before === 0 ? end : at + end - before };
  }
}

const stateAfterHead = { NONE: "COMPLETE", LENGTH: "LENGTH", CHUNKED: "SIZE", REST: "REST" } as const;
