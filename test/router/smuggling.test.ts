/** One request of a client is one request at the function, whatever its framing; what could be read two ways is refused. */
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ask, RawClient, sendRaw } from "./support/http-client.js";
import { bodyOf, Stage } from "./support/router-stage.js";
import { until } from "./support/until.js";

describe("Router: framing", () => {
  let stage: Stage;
  let seen: { method: string; url: string; body: string; headers: NodeJS.Dict<string | string[]> }[];

  beforeEach(async () => {
    stage = await Stage.start();
    seen = [];
    await stage.serve(async (req, res) => {
      const body = await bodyOf(req).catch(() => null);
      if (body === null) return;
      seen.push({ method: req.method ?? "", url: req.url ?? "", body, headers: req.headers });
      res.end(`${req.method} ${body}`);
    });
  });
  afterEach(() => stage.stop());

  const inner = "GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n";

  for (const method of ["DELETE", "OPTIONS", "GET", "POST", "PUT", "PATCH"]) {
    it(`hands a chunked body of ${method} on as a body, never as a second request`, async () => {
      const chunk = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`;
      const answer = await sendRaw(
        stage.port,
        `${method} /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunk}`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(seen).toEqual([expect.objectContaining({ method, url: "/a", body: inner })]);
    });

    it(`hands a body with a length of ${method} on as a body, never as a second request`, async () => {
      const answer = await sendRaw(
        stage.port,
        `${method} /a HTTP/1.1\r\nHost: x\r\nContent-Length: ${inner.length}\r\nConnection: close\r\n\r\n${inner}`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(seen).toEqual([expect.objectContaining({ method, url: "/a", body: inner })]);
    });
  }

  it("keeps the function's connection clean after a body that its method does not expect", async () => {
    for (let i = 0; i < 5; i++) {
      const answer = await ask(stage.port, `/${i}`, {
        method: "DELETE",
        headers: { "transfer-encoding": "chunked" },
        body: inner,
      });
      expect(answer.body).toBe(`DELETE ${inner}`);
    }
    expect(seen.map(({ url }) => url)).toEqual(["/0", "/1", "/2", "/3", "/4"]);
  });

  const refused: [string, string][] = [
    [
      "both Content-Length and Transfer-Encoding",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    [
      "both, in the other order",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ],
    ["two lengths that differ", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"],
    ["two equal lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"],
    ["a signed length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello"],
    ["a length that is no number", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: five\r\n\r\nhello"],
    ["a coding before chunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
    [
      "chunked twice",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["a coding that is none", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"],
    ["a coding that hides chunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"],
    ["a space before the colon", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"],
    ["Transfer-Encoding in HTTP/1.0", "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["two Host headers", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"],
    ["no Host header", "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n"],
    ["a Host that is none", "GET / HTTP/1.1\r\nHost: x/../y\r\n\r\n"],
    ["a URL of another protocol", "GET ftp://y/ HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["a URL with a user in it", "GET http://a@y/ HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["a URL without a host", "GET http:///y HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["a URL and no Host header", "GET http://y/ HTTP/1.1\r\nAccept: */*\r\n\r\n"],
    ["a URL and two Host headers", "GET http://y/ HTTP/1.1\r\nHost: y\r\nHost: y\r\n\r\n"],
    ["the asterisk form", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["CONNECT", "CONNECT y:80 HTTP/1.1\r\nHost: y\r\n\r\n"],
    ["a bare CR in a header", "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc: d\r\n\r\n"],
    ["a null byte in a header", "GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n"],
    ["no HTTP at all", "hello there\r\n\r\n"],
    [
      "an expectation other than 100-continue",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nExpect: a-pony\r\n\r\n",
    ],
    [
      "an upgrade with a body",
      "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc",
    ],
  ];
  for (const [what, request] of refused) {
    it(`refuses ${what} with 400 and hands nothing on`, async () => {
      const client = await RawClient.connect(stage.port);
      client.write(request);
      const answer = await client.sees('"code":"BAD_REQUEST"');
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer).toMatch(/x-fermi-error: BAD_REQUEST\r\n/i);
      client.destroy();
      expect(seen).toEqual([]);
      expect(stage.records).toEqual([]);
    });
  }

  it.each(["/?name=Jürgen", "/grün", "/?name=two words"])("says what is wrong with the URL %s", async (url) => {
    const answer = await sendRaw(stage.port, `GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*spaces and non-ASCII characters in its URL must be percent-encoded/);
    expect(seen).toEqual([]);
  });

  const badBodies: [string, string][] = [
    ["a chunk that is longer than its size", "3\r\nabcdef\r\n0\r\n\r\n"],
    ["a chunk size that is no number", "zz\r\nabc\r\n0\r\n\r\n"],
    ["a signed chunk size", "+3\r\nabc\r\n0\r\n\r\n"],
    ["a chunk size beyond every number", `${"f".repeat(40)}\r\nabc\r\n0\r\n\r\n`],
    ["chunks with bare line feeds", "3\nabc\n0\n\n"],
  ];
  for (const [what, body] of badBodies) {
    it(`answers ${what} with 400 and closes, and hands no second request on`, async () => {
      const head = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
      const answer = await sendRaw(stage.port, `${head}${body}${inner}`);
      expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400"]);
      expect(answer).toContain('"code":"BAD_REQUEST"');
      expect(answer).toMatch(/connection: close\r\n/i);
      const error = "The request is no valid HTTP.";
      expect(await stage.record()).toMatchObject({ status: "FAILED", httpStatus: 400, error });
      expect(seen).toEqual([]);
      expect(stage.poolmgr.of("SUSPECT")).toEqual([]);
    });
  }

  it("answers a bad chunk that comes later with 400, in its turn", async () => {
    const client = await RawClient.connect(stage.port);
    client.write("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
    client.write("POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    await client.sees("GET ");
    client.write("zz\r\n");
    const answer = await client.closed();
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 400"]);
    expect(seen).toEqual([expect.objectContaining({ url: "/1" })]);
  });

  it("cuts an answer that has begun when its request's body goes bad, and writes no other into it", async () => {
    await stage.stop();
    stage = await Stage.start();
    await stage.serve((_req, res) => res.write("begun"));
    const client = await RawClient.connect(stage.port);
    client.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    await client.sees("begun");
    client.write("zz\r\n");
    expect((await client.closed()).match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200"]);
    const error = "The request is no valid HTTP.";
    expect(await stage.record()).toMatchObject({ status: "FAILED", httpStatus: 200, error });
  });

  it("answers pipelined requests in order, each with its own answer", async () => {
    const answers = await sendRaw(
      stage.port,
      "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none" +
        "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\ntwo" +
        "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    expect(answers.indexOf("POST one")).toBeGreaterThan(-1);
    expect(answers.indexOf("POST two")).toBeGreaterThan(answers.indexOf("POST one"));
    expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  });

  const folded: [string, string][] = [
    [
      "a folded header",
      "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    ],
    ["bare line feeds", "GET / HTTP/1.1\nHost: x\nConnection: close\n\n"],
    [
      "a bare line feed inside a header",
      "GET / HTTP/1.1\r\nHost: x\r\nA: b\nContent-Length: 4\r\nConnection: close\r\n\r\n",
    ],
  ];
  for (const [what, request] of folded) {
    it(`refuses ${what}, or hands on a single request without a body`, async () => {
      const client = await RawClient.connect(stage.port);
      client.write(request);
      const answer = await client.sees(/HTTP\/1\.1 \d+/);
      client.destroy();
      if (answer.startsWith("HTTP/1.1 200")) expect(seen).toEqual([expect.objectContaining({ url: "/", body: "" })]);
      else expect([answer.slice(9, 12), seen]).toEqual(["400", []]);
    });
  }

  it("sends the answers that are due, in order, before it refuses what follows them", async () => {
    const post = (text: string): string => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n${text}`;
    const client = await RawClient.connect(stage.port);
    client.write(`${post("one")}${post("two")}GARBAGE\r\n\r\n`);
    client.write(`${post("six")}more`);
    const answers = await client.closed();
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 400"]);
    expect(answers).toMatch(/POST one[^]*POST two[^]*"code":"BAD_REQUEST"/);
    await until("the records", () => stage.records.length === 2);
    expect(stage.records.map(({ status, error }) => [status, error])).toEqual([
      ["SUCCEEDED", null],
      ["SUCCEEDED", null],
    ]);
  });

  it("ignores what follows a request that closes the connection, and sends all answers", async () => {
    const get = (path: string, more = ""): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
    const client = await RawClient.connect(stage.port);
    client.write(`${get("/1")}${get("/2")}${get("/3", "Connection: close\r\n")}${inner}`);
    const answers = await client.closed();
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 200"]);
    await until("the records", () => stage.records.length === 3);
    expect(stage.records.every(({ status }) => status === "SUCCEEDED")).toBe(true);
    expect(seen.map(({ url }) => url).sort()).toEqual(["/1", "/2", "/3"]);
  });

  it("serves HTTP/1.0 without chunks, and without a Host", async () => {
    const answer = await sendRaw(stage.port, "GET /old HTTP/1.0\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).not.toMatch(/transfer-encoding/i);
    expect(answer.endsWith("\r\n\r\nGET ")).toBe(true);
  });

  it("sends no interim answer to HTTP/1.0, whatever that expects (RFC 9110, 10.1.1)", async () => {
    const head = "POST /old HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    expect(await sendRaw(stage.port, `${head}hi`)).toMatch(/^HTTP\/1\.1 200 [^]*POST hi$/);
  });

  const h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n";
  const last = "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const bodies: [string, string, string][] = [
    ["without a body", "\r\n", ""],
    ["with a body", `Content-Length: ${inner.length}\r\n\r\n${inner}`, inner],
    ["with chunks", `Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`, "hello"],
    ["with a large body", `Content-Length: 3000000\r\n\r\n${"x".repeat(3_000_000)}`, "x".repeat(3_000_000)],
  ];
  it.each(bodies)(
    "answers a request that asks for another protocol as if it had not asked (%s), and who comes behind it",
    async (_how, rest, body) => {
      const asking = `POST /h2 HTTP/1.1\r\nHost: x\r\n${h2c}${rest}`;
      const answer = await sendRaw(stage.port, `GET /first HTTP/1.1\r\nHost: x\r\n\r\n${asking}${asking}${last}`);
      expect(answer.match(/HTTP\/1\.1 200 /g)).toHaveLength(4);
      expect(seen.map(({ url, body: read }) => [url, read])).toEqual([
        ["/first", ""],
        ["/h2", body],
        ["/h2", body],
        ["/last", ""],
      ]);
      expect(seen[1]?.headers).not.toHaveProperty("upgrade");
      expect(seen[1]?.headers).not.toHaveProperty("http2-settings");
    },
  );

  it("reads it byte by byte too, and tells it to go on with its body", async () => {
    const client = await RawClient.connect(stage.port);
    for (const byte of `POST /h2 HTTP/1.1\r\nHost: x\r\n${h2c}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`) {
      client.write(byte);
      await new Promise(setImmediate);
    }
    await client.sees("HTTP/1.1 100 Continue");
    client.write("hi");
    await client.sees("POST hi");
    client.destroy();
  });

  it.each([
    ["two lengths", `Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`],
    ["a chunk that is none", `Transfer-Encoding: chunked\r\n\r\nzz\r\n${inner}`],
    ["two hosts", `Host: y\r\n\r\n${inner}`],
  ])("refuses it with %s", async (_what, rest) => {
    const answer = await sendRaw(stage.port, `POST /h2 HTTP/1.1\r\nHost: x\r\n${h2c}${rest}`);
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400"]);
    expect(seen).toEqual([]);
  });

  it("answers it whole where that is large, as curl --http2 asks for it", async () => {
    await stage.stop();
    stage = await Stage.start();
    const bytes = 20_000_000;
    await stage.serve((_req, res) => res.end(Buffer.alloc(bytes)));
    const answer = await sendRaw(stage.port, `GET /h2 HTTP/1.1\r\nHost: x\r\n${h2c}\r\n${last}`);
    expect(answer.length).toBeGreaterThan(bytes);
  });
});
