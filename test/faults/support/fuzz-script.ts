/** What a fuzzing client says on one connection: valid requests, most of them with a few bytes changed. */
import { createHash } from "node:crypto";
import { Random } from "./random.js";

export interface FuzzScript {
  readonly connection: number;
  readonly bytes: Buffer;
  /** Valid requests that it was made of. */
  readonly requests: number;
  readonly isMutated: boolean;
  /** Where it is split into packets. */
  readonly cuts: readonly number[];
  /** Whether the client, if it is not answered for want of an end, resets its connection rather than end its side. */
  readonly resets: boolean;
}

const sum = (text: string): string => createHash("sha1").update(text).digest("hex").slice(0, 6);
const tokenPattern = /~(\d+)\.(\d+)\.([\da-f]{6})/g;

/** Says which connection it belongs to, and shows whether anything was changed in it. */
const tokenOf = (connection: number, request: number): string => {
  const name = `${connection}.${request}`;
  return `~${name}.${sum(name)}`;
};

/** The connections to which the tokens in a text belong; those that were changed belong to none. */
export function connectionsIn(text: string): Set<number> {
  const tokens = [...text.matchAll(tokenPattern)].filter(([, connection, request, check]) => {
    return sum(`${connection}.${request}`) === check;
  });
  return new Set(tokens.map(([, connection]) => Number(connection)));
}

export function makeScript(seed: number, connection: number): FuzzScript {
  const random = new Random(seed, connection);
  const requests = 1 + random.below(5);
  const valid = Array.from({ length: requests }, (_, i) => request(random, connection, i)).join("");
  const isMutated = random.chance(0.8);
  const bytes = isMutated ? mutate(random, valid) : Buffer.from(valid, "latin1");
  const cuts = Array.from({ length: random.below(3) }, () => random.below(bytes.length + 1)).sort((a, b) => a - b);
  return { connection, bytes, requests, isMutated, cuts, resets: random.chance(0.5) };
}

const extras = [
  "Accept: */*",
  "Cookie: a=b; c=d",
  "Connection: keep-alive",
  "Connection: X-Hop",
  "X-Hop: by hop",
  "TE: trailers",
  "Expect: 100-continue",
  "X-Fermi-Key: stolen",
  "X-Forwarded-For: 6.6.6.6",
  "Content-Type: text/plain",
  "Empty:",
  "X-Latin: \xe9\xff",
];
const opening = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="];
const methods = ["GET", "POST", "PUT", "DELETE"];

function request(random: Random, connection: number, at: number): string {
  const token = tokenOf(connection, at);
  const path = random.chance(0.05) ? "/nowhere" : "/fuzz/ok";
  const target = `${random.chance(0.1) ? "http://x" : ""}${path}?t=${token}`;
  const version = random.chance(0.05) ? "1.0" : "1.1";
  const headers = ["Host: x", `X-Token: ${token}`];
  for (let i = random.below(4); i > 0; i--) headers.push(random.pick(extras));
  if (version === "1.1" && random.chance(0.03)) {
    return `GET ${target} HTTP/1.1\r\n${[...headers, ...opening].join("\r\n")}\r\n\r\n`;
  }
  const [framing, body] = random.chance(0.4) ? [[], ""] : framed(random, connection, at, version);
  return `${random.pick(methods)} ${target} HTTP/${version}\r\n${[...headers, ...framing].join("\r\n")}\r\n\r\n${body}`;
}

/** The body has a request in it, which nobody is ever to take for one. */
function framed(random: Random, connection: number, at: number, version: string): [string[], string] {
  const token = tokenOf(connection, 1_000 + at);
  const body = `${token}\r\n\r\nGET /fuzz/ok?t=${token} HTTP/1.1\r\nHost: x\r\nX-Token: ${token}\r\n\r\n`;
  if (version === "1.0" || random.chance(0.5)) return [[`Content-Length: ${body.length}`], body];
  const chunks: string[] = [];
  for (let from = 0; from < body.length;) {
    const piece = body.slice(from, from + 1 + random.below(body.length));
    const extension = random.chance(0.1) ? ";a=b" : "";
    chunks.push(`${piece.length.toString(16)}${extension}\r\n${piece}\r\n`);
    from += piece.length;
  }
  const trailers = random.chance(0.1) ? "X-Late: header\r\n" : "";
  return [["Transfer-Encoding: chunked"], `${chunks.join("")}0\r\n${trailers}\r\n`];
}

/** What readers of HTTP disagree about. */
const splinters = [
  "\r",
  "\n",
  "\0",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "\x0b",
  "\x7f",
  "\x80",
  "/",
  "?",
  "#",
  "%",
  "\r\n",
  "\r\n\r\n",
  "\n\n",
  "\r\n ",
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "Content-Length: +1\r\n",
  "Content-Length : 7\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: identity\r\n",
  "Transfer-Encoding: gzip, chunked\r\n",
  "Transfer_Encoding: chunked\r\n",
  "chunked",
  "0\r\n\r\n",
  "Host: y\r\n",
  "Connection: close\r\n",
  "Connection: Content-Length\r\n",
  "Connection: Upgrade\r\nUpgrade: h2c\r\n",
  "Expect: 200-ok\r\n",
  "GET /fuzz/ok HTTP/1.1\r\nHost: x\r\n\r\n",
  " HTTP/1.1\r\n",
  "HTTP/1.1 200 OK\r\n\r\n",
  "x".repeat(40_000),
];

const mutations: readonly ((random: Random, text: string) => string)[] = [
  (random, text) => splice(text, random.below(text.length), 1, String.fromCharCode(random.below(256))),
  (random, text) => splice(text, random.below(text.length + 1), 0, random.pick(splinters)),
  (random, text) => splice(text, lineStart(random, text), 0, random.pick(splinters)),
  (random, text) => splice(text, random.below(text.length), 1 + random.below(20), ""),
  (random, text) => {
    const from = random.below(text.length);
    return splice(text, random.below(text.length + 1), 0, text.slice(from, from + 1 + random.below(60)));
  },
  (random, text) => splice(text, lineStart(random, text) - 2, 2, random.pick(["\n", "\r", "\n\r", "\r\r\n", ""])),
  (random, text) => splice(text, lineStart(random, text), 1, random.pick([" ", "\t"])),
  (random, text) => {
    const numbers = [...text.matchAll(/\d+/g)];
    const { index, 0: digits } = random.pick(numbers);
    const other = random.pick([Number(digits) - 1, Number(digits) + 1, 0, 999_999_999, 2 ** 53]);
    return splice(text, index, digits.length, String(other));
  },
  (random, text) => text.slice(0, random.below(text.length)),
];

function mutate(random: Random, valid: string): Buffer {
  let text = valid;
  for (let i = 1 + random.below(3); i > 0 && text.length > 100; i--) text = random.pick(mutations)(random, text);
  return Buffer.from(text, "latin1");
}

const splice = (text: string, at: number, count: number, insert: string): string =>
  text.slice(0, Math.max(0, at)) + insert + text.slice(Math.max(0, at) + count);

function lineStart(random: Random, text: string): number {
  const ends = [...text.matchAll(/\r\n/g)];
  return ends.length === 0 ? 0 : random.pick(ends).index + 2;
}
