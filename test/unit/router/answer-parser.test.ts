/** What is an answer and what is none; and that it makes no difference how its bytes are cut into packets. */
import { describe, expect, it } from "@jest/globals";
import type { AnswerHead } from "../../../src/router/answer-fields.js";
import { AnswerParser } from "../../../src/router/answer-parser.js";

interface Read {
  readonly heads: AnswerHead[];
  readonly body: string;
  readonly trailers: readonly string[];
  readonly isComplete: boolean;
  /** What came after the answer. */
  readonly left: string;
}

const maxHeadBytes = 1_000;

/** Reads the bytes packet by packet. */
function read(packets: readonly string[], isToHead = false, ends = false): Read {
  const heads: AnswerHead[] = [];
  let body = "";
  let left = "";
  const sink = {
    head: (head: AnswerHead) => void heads.push(head),
    body: (bytes: Buffer) => void (body += bytes.toString("latin1")),
  };
  const parser = new AnswerParser(sink, maxHeadBytes);
  parser.begin(isToHead);
  for (const packet of packets) {
    // Its bytes may be overwritten as soon as they were read.
    const bytes = Buffer.from(packet, "latin1");
    left += bytes.toString("latin1", parser.read(bytes));
    bytes.fill("#");
  }
  const isComplete = parser.isComplete || (ends && parser.end());
  return { heads, body, trailers: parser.trailers, isComplete, left };
}

const head = (...lines: string[]): string => `${lines.join("\r\n")}\r\n\r\n`;

/** Answers that are good, and what follows each. */
const good: readonly (readonly [name: string, text: string, body: string, left: string])[] = [
  ["of a known length", `${head("HTTP/1.1 200 OK", "Content-Length: 5")}hello`, "hello", ""],
  ["with bytes after its end", `${head("HTTP/1.1 200 OK", "content-length: 2")}okHTTP/1.1 200`, "ok", "HTTP/1.1 200"],
  ["of length 0", head("HTTP/1.1 200 OK", "Content-Length: 0"), "", ""],
  ["without a reason", `${head("HTTP/1.1 200", "Content-Length: 1")}x`, "x", ""],
  ["with nothing to say", `${head("HTTP/1.1 204 No Content", "A: b")}HTTP`, "", "HTTP"],
  ["that is unchanged", head("HTTP/1.1 304 Not Modified", "Content-Length: 10"), "", ""],
  [
    "after interim ones",
    `${head("HTTP/1.1 103 Early Hints", "Link: x")}${head("HTTP/1.1 100 Continue")}${head("HTTP/1.1 200 OK", "Content-Length: 1")}x`,
    "x",
    "",
  ],
  [
    "in chunks",
    `${head("HTTP/1.1 200 OK", "Transfer-Encoding: Chunked")}5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n+`,
    "hello0123456789",
    "+",
  ],
  [
    "with a trailer",
    `${head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")}1\r\nx\r\n0\r\nA: b\r\nC:\td \r\n\r\n`,
    "x",
    "",
  ],
  [
    "with empty and odd values",
    `${head("HTTP/1.1 200 \xe9", "Empty:", "Odd: \x80\xff\t~", "Content-Length: 1")}x`,
    "x",
    "",
  ],
];

describe("AnswerParser", () => {
  it.each(good)("reads an answer %s", (_name, text, body, left) => {
    expect(read([text])).toMatchObject({ body, left, isComplete: true });
  });

  it.each(good)("reads an answer %s alike however it is cut", (_name, text) => {
    const whole = read([text]);
    for (let at = 1; at < text.length; at++) expect(read([text.slice(0, at), text.slice(at)])).toEqual(whole);
    expect(read(Array.from(text))).toEqual(whole);
  });

  it("gives headers as they came, without the white space around values", () => {
    const { heads } = read([head("HTTP/1.1 204 Fine by me", "X-A: 1", "x-a:\t 2  ", "Keep-Alive: timeout=7, max=3")]);
    expect(heads).toMatchObject([
      {
        status: 204,
        statusText: "Fine by me",
        headers: ["X-A", "1", "x-a", "2", "Keep-Alive", "timeout=7, max=3"],
        keepsAlive: true,
        keepAliveMs: 7_000,
      },
    ]);
  });

  it("gives trailers", () => {
    const text = `${head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")}0\r\nA: b\r\nC:\td \r\n\r\n`;
    expect(read([text]).trailers).toEqual(["A", "b", "C", "d"]);
  });

  it("takes no body in an answer to HEAD, whatever its head says", () => {
    for (const line of ["Content-Length: 5", "Transfer-Encoding: chunked"]) {
      expect(read([`${head("HTTP/1.1 200 OK", line)}hello`], true)).toMatchObject({
        body: "",
        left: "hello",
        isComplete: true,
      });
    }
  });

  it("takes what has neither length nor chunks up to the connection's end, and nothing else", () => {
    const text = `${head("HTTP/1.1 200 OK", "A: b")}all of it`;
    expect(read([text])).toMatchObject({ body: "all of it", isComplete: false });
    expect(read([text], false, true)).toMatchObject({ isComplete: true });
    for (const line of ["Content-Length: 9", "Transfer-Encoding: chunked"]) {
      expect(read([`${head("HTTP/1.1 200 OK", line)}1\r\nx\r\n`], false, true).isComplete).toBe(false);
    }
    expect(read(["HTTP/1.1 200 OK\r\n"], false, true).isComplete).toBe(false);
  });

  it("lets a connection rest only where both sides understand it so", () => {
    const keepsAlive = (...lines: string[]): boolean | undefined => read([head(...lines)]).heads[0]?.keepsAlive;
    expect(keepsAlive("HTTP/1.1 200 OK", "Content-Length: 0")).toBe(true);
    expect(keepsAlive("HTTP/1.1 200 OK", "Content-Length: 0", "Connection: keep-alive")).toBe(true);
    expect(keepsAlive("HTTP/1.1 200 OK", "Content-Length: 0", "Connection: x, Close")).toBe(false);
    expect(keepsAlive("HTTP/1.1 200 OK", "Content-Length: 0", "Connection: x", "Connection: close")).toBe(false);
    expect(keepsAlive("HTTP/1.0 200 OK", "Content-Length: 0", "Connection: keep-alive")).toBe(false);
    expect(keepsAlive("HTTP/1.1 200 OK")).toBe(false);
  });

  it.each([
    "rubbish",
    "HTTP/1.1 200 OK\nA: b\n\n",
    "SSH-2.0-OpenSSH\r\n",
    "HTTP/2.0 200 OK\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1  200 OK\r\n\r\n",
    " HTTP/1.1 200 OK\r\n\r\n",
    "\r\nHTTP/1.1 200 OK\r\n\r\n",
    head("HTTP/1.1 101 Switching Protocols", "Upgrade: x"),
    head("HTTP/1.1 200 OK", "No colon"),
    head("HTTP/1.1 200 OK", "Space : x"),
    head("HTTP/1.1 200 OK", ": no name"),
    head("HTTP/1.1 200 OK", "A: b", " folded"),
    head("HTTP/1.1 200 OK", "A: \x01"),
    head("HTTP/1.1 200 OK", "A: \x7f"),
    head("HTTP/1.1 200 OK", "A: b\nC: d"),
    head("HTTP/1.1 200 OK", "A: b\rC: d"),
    head("HTTP/1.1 200 O\nK", "A: b"),
    head("HTTP/1.1 200 OK", "Content-Length: 1", "Content-Length: 1"),
    head("HTTP/1.1 200 OK", "Content-Length: 1, 1"),
    head("HTTP/1.1 200 OK", "Content-Length: +1"),
    head("HTTP/1.1 200 OK", "Content-Length: 0x1"),
    head("HTTP/1.1 200 OK", "Content-Length: -1"),
    head("HTTP/1.1 200 OK", "Content-Length:"),
    head("HTTP/1.1 200 OK", "Content-Length: 1234567890123456"),
    head("HTTP/1.1 204 No Content", "Content-Length: many"),
    head("HTTP/1.1 200 OK", "Content-Length: 1", "Transfer-Encoding: chunked"),
    head("HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked"),
    head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    head("HTTP/1.1 200 OK", "Transfer-Encoding: identity"),
    head("HTTP/1.0 200 OK", "Transfer-Encoding: chunked"),
    ...[
      "x\r\n",
      "\r\n",
      "-1\r\n",
      "1 \r\nx\r\n",
      "0x1\r\nx\r\n",
      "1\nx\n",
      "1\r\nxy\r\n",
      "1\r\nx\n",
      "1\r\nxxx",
      "fffffffffffff\r\n",
      `1;${"x".repeat(2_000)}`,
    ].map((chunk) => `${head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")}${chunk}`),
    `${head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")}0\r\nA : b\r\n\r\n`,
    `${head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")}0\r\nno trailer\r\n\r\n`,
  ])("takes %j for no HTTP, however it is cut", (text) => {
    expect(() => read([text])).toThrow("The function's answer is no valid HTTP.");
    expect(() => read(Array.from(text))).toThrow("The function's answer is no valid HTTP.");
  });

  it("bounds heads, those of interim answers and trailers together", () => {
    const interim = head("HTTP/1.1 103 Early Hints", "Link: x");
    const chunked = head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked");
    for (const text of [
      `HTTP/1.1 200 OK\r\nA: ${"a".repeat(maxHeadBytes)}`,
      interim.repeat(maxHeadBytes / interim.length + 1),
      `${chunked}0\r\n${"A: b\r\n".repeat(maxHeadBytes / 6)}`,
    ]) {
      expect(() => read([text])).toThrow("The function's response headers are too large.");
      expect(() => read(Array.from(text))).toThrow("The function's response headers are too large.");
    }
  });

  it("reads a head of thousands of headers", () => {
    const parser = new AnswerParser({ head: () => {}, body: () => {} }, 64 * 1024);
    parser.begin(false);
    parser.read(Buffer.from(`HTTP/1.1 204 OK\r\n${"A:b\r\n".repeat(13_000)}\r\n`));
    expect(parser.isComplete).toBe(true);
  });
});
