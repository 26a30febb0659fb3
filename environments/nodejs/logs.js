/**
 * What user code prints, as JSON lines on stdout: `{"t","s","i","g","m"}`. A line belongs to the invocation in whose
 * asynchronous context it was written (timers and promises it started included); a partial line waits for its end.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { writeSync } from "node:fs";
import { Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** The invocation in whose context code runs, or undefined. */
export const current = new AsyncLocalStorage();

/** A line's bound, quotes and escapes included: what is longer is split. */
const maxLineBytes = 60_000;
const maxMessageChars = 16_000;

/** Text that was written without its line feed yet, per owner (an invocation, or the instance itself). */
export class PartialLines {
  stdout = "";
  stderr = "";
  /** Its owner is over: nobody would write the rest later. */
  isOver = false;
}

const ofInstance = { id: undefined, logTag: undefined, partial: new PartialLines() };
const unfinished = new Set();
const waiting = new Int32Array(new SharedArrayBuffer(4));

/** Makes process.stdout, process.stderr and with them the console write log lines. */
export function captureOutput() {
  for (const stream of ["stdout", "stderr"]) {
    Object.defineProperty(process, stream, { value: new LogStream(stream), configurable: true, enumerable: true });
  }
  process.on("exit", flushAll);
}

/** The invocation is over: what it has printed without a line feed is written now, and what it prints yet is at once. */
export function finish(owner) {
  owner.partial.isOver = true;
  flush(owner);
}

function flush(owner) {
  if (!unfinished.delete(owner)) return;
  for (const stream of ["stdout", "stderr"]) {
    const rest = owner.partial[stream];
    owner.partial[stream] = "";
    if (rest !== "") writeAll(formatLine(owner, stream, rest));
  }
}

/** Logs an error with its stack for the invocation at hand. */
export function logError(text) {
  print("stderr", `${text}\n`);
}

function flushAll() {
  for (const owner of [...unfinished]) flush(owner);
}

class LogStream extends Writable {
  #decoder = new StringDecoder("utf8");
  #name;

  constructor(name) {
    super({ decodeStrings: false, emitClose: false });
    this.#name = name;
    this.fd = name === "stdout" ? 1 : 2;
  }

  _write(chunk, encoding, done) {
    const isText = typeof chunk === "string";
    const text = isText && encoding !== "hex" && encoding !== "base64" ? chunk : this.#decode(chunk, encoding);
    print(this.#name, text);
    done();
  }

  /** User code may end the stream, as `pipeline` does; others print on. All of it is written by now. */
  end(...last) {
    const done = isFunction(last.at(-1)) ? last.pop() : () => {};
    if (last[0] !== undefined && last[0] !== null) this.write(...last);
    flush(current.getStore() ?? ofInstance);
    process.nextTick(() => {
      done();
      this.emit("finish");
      // Another's end was taken for its own by whoever pipes at the same time; that one waits for this.
      this.emit("drain");
    });
    return this;
  }

  /** As little as `end`; who pipes is told that nothing more is taken. */
  destroy() {
    flush(current.getStore() ?? ofInstance);
    this.emit("close");
    return this;
  }

  #decode(chunk, encoding) {
    return this.#decoder.write(typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
  }
}

const isFunction = (value) => typeof value === "function";

function print(stream, text) {
  const owner = current.getStore() ?? ofInstance;
  const end = text.lastIndexOf("\n");
  if (end === -1) return keep(owner, stream, text);
  const lines = (owner.partial[stream] + text.slice(0, end)).split("\n");
  owner.partial[stream] = "";
  let output = "";
  for (const line of lines) output += formatLine(owner, stream, line.endsWith("\r") ? line.slice(0, -1) : line);
  writeAll(output);
  if (end < text.length - 1) keep(owner, stream, text.slice(end + 1));
}

function keep(owner, stream, text) {
  owner.partial[stream] += text;
  unfinished.add(owner);
  if (owner.partial.isOver || owner.partial[stream].length > maxMessageChars) flush(owner);
}

function formatLine(owner, stream, message) {
  if (message.length <= maxMessageChars) {
    const line = `${JSON.stringify({ t: Date.now(), s: stream, i: owner.id, g: owner.logTag, m: message })}\n`;
    if (line.length * 3 <= maxLineBytes || Buffer.byteLength(line) <= maxLineBytes) return line;
  }
  const middle = wholeCharacters(message, Math.min(maxMessageChars, message.length >> 1));
  return formatLine(owner, stream, message.slice(0, middle)) + formatLine(owner, stream, message.slice(middle));
}

/** The length up to `end` that does not end within a surrogate pair. */
const wholeCharacters = (text, end) => (text.codePointAt(end - 1) > 0xffff ? end - 1 : end);

/** Writes synchronously, so that nothing is lost however the process ends. */
function writeAll(text) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if (error.code === "EPIPE") return; // Nobody reads any more.
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(waiting, 0, 0, 2);
    }
  }
}
