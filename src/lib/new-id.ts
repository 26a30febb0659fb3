import { randomBytes } from "node:crypto";

/** Random bits are made in bulk: asking for few at a time costs more than all the rest. */
const tailLength = 16;
const tailsAtOnce = 512;
/** What 12 bits can count. */
const maxCount = 0xfff;

let tails = "";
let tailAt = 0;
let lastMs = 0;
let count = 0;
let prefix = "";

/**
 * A UUID of version 7 (RFC 9562): ids made later sort later, so they serve as keyset cursors too. After the time come 12 bits
 * that count within a millisecond, from a random start, and 62 that are random.
 */
export function newId(): string {
  const nowMs = Date.now();
  if (nowMs > lastMs) begin(nowMs);
  // A clock that was set back, or more ids than a millisecond has, run ahead of time.
  else if (++count > maxCount) begin(lastMs + 1);
  const tail = nextTail();
  const variant = variants.charAt(parseInt(tail.charAt(0), 16) & 3);
  return `${prefix}${hex3(count)}-${variant}${tail.slice(1, 4)}-${tail.slice(4)}`;
}

const variants = "89ab";
const hex3 = (value: number): string => (value + 0x1000).toString(16).slice(1);

function begin(ms: number): void {
  lastMs = ms;
  const digits = ms.toString(16).padStart(12, "0");
  prefix = `${digits.slice(0, 8)}-${digits.slice(8)}-7`;
  count = parseInt(nextTail().slice(0, 3), 16) >> 2;
}

function nextTail(): string {
  if (tailAt === tails.length) {
    tails = randomBytes((tailsAtOnce * tailLength) / 2).toString("hex");
    tailAt = 0;
  }
  return tails.slice(tailAt, (tailAt += tailLength));
}
