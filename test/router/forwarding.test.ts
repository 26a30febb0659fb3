/** Requests and answers pass whole, as they come, in both directions. */
import { createHash, randomBytes } from "node:crypto";
import http from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ask, errorCode, RawClient, sendRaw } from "./support/http-client.js";
import { aFunction, aTrigger } from "./support/route-builders.js";
import { bodyOf, Stage } from "./support/router-stage.js";
import { until } from "./support/until.js";

const sha = (data: Buffer | string): string => createHash("sha256").update(data).digest("hex");

describe("Router: forwarding", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.start();
  });
  afterEach(() => stage.stop());

  it("passes method, path, query and body on as they were sent", async () => {
    await stage.serve(async (req, res) => res.end(`${req.method} ${req.url} ${await bodyOf(req)}`));
    const path = "/a%2Fb//c/../d/%C3%A9;x=1?q=a+b&q=%zz?&";
    const answer = await ask(stage.port, path, { method: "PATCH", body: "hello" });
    expect(answer.body).toBe(`PATCH ${path} hello`);
  });

  it("takes a whole URL as the request's target: its host counts, and its path goes on as it was sent", async () => {
    await stage.stop();
    const functions = [aFunction("hello")];
    stage = await Stage.start({ functions, triggers: [aTrigger("/*", { host: "named.example" })] });
    await stage.serve((req, res) =>
      res.end(`${req.headers.host} ${String(req.headers["x-forwarded-host"])} ${req.url}`),
    );
    const path = "//a%2Fb/../d?q=http://x/";
    for (const [sent, got] of [
      [path, path],
      ["", "/"],
      ["?q", "/?q"],
    ]) {
      const answer = await ask(stage.port, `HTTP://named.example:80${sent}`, { headers: { host: "other.example" } });
      expect(answer.body).toBe(`named.example:80 named.example:80 ${got}`);
    }
    const other = await ask(stage.port, `http://other.example${path}`, { headers: { host: "named.example" } });
    expect(errorCode(other)).toBe("ROUTE_NOT_FOUND");
    const own = await ask(stage.port, "http://other.example/-/healthz");
    expect([own.status, own.body]).toEqual([200, '{"ok":true}']);
  });

  it("passes status, reason, headers and repeated headers back", async () => {
    await stage.serve((_req, res) => {
      res.writeHead(
        418,
        "Short And Stout",
        [
          ["X-One", "1"],
          ["Set-Cookie", "a=1"],
          ["Set-Cookie", "b=2"],
          ["X-Latin", "caf\u00e9"],
        ].flat(),
      );
      res.end("tea");
    });
    const answer = await ask(stage.port, "/");
    expect(answer.status).toBe(418);
    expect(answer.headers["set-cookie"]).toEqual(["a=1", "b=2"]);
    expect(answer.headers["x-one"]).toBe("1");
    expect(answer.headers["x-latin"]).toBe("caf\u00e9");
    expect(answer.body).toBe("tea");
  });

  it("leaves a function's own 500 untouched", async () => {
    await stage.serve((_req, res) => res.writeHead(500, { "content-type": "text/plain" }).end("my fault"));
    const answer = await ask(stage.port, "/");
    expect([answer.status, answer.body, answer.headers["x-fermi-error"]]).toEqual([500, "my fault", undefined]);
    expect(await stage.record()).toMatchObject({
      status: "FAILED",
      httpStatus: 500,
      error: "The function answered 500.",
    });
  });

  it("records the runtime's reason for a 500, and keeps it from the caller", async () => {
    const reason = encodeURIComponent("Error: no é\n  at line 3");
    await stage.serve((_req, res) => res.writeHead(500, { "X-Fermi-Function-Error": reason }).end("oops"));
    const answer = await ask(stage.port, "/");
    expect([answer.status, answer.headers["x-fermi-function-error"]]).toEqual([500, undefined]);
    expect(await stage.record()).toMatchObject({ status: "FAILED", error: "Error: no é at line 3" });
  });

  it("answers HEAD with the length that GET would have, and no body", async () => {
    await stage.serve((_req, res) => res.writeHead(200, { "content-length": 5 }).end("hello"));
    const answer = await sendRaw(stage.port, "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(answer).toMatch(/content-length: 5\r\n/i);
    expect(answer.endsWith("\r\n\r\n")).toBe(true);
  });

  it("passes 204 and 304 without a body", async () => {
    await stage.serve((req, res) => res.writeHead(Number(req.url?.slice(1))).end());
    expect((await ask(stage.port, "/204")).status).toBe(204);
    expect((await ask(stage.port, "/304")).status).toBe(304);
  });

  it("ignores informational answers and passes the final one", async () => {
    await stage.serve((_req, res) => {
      res.writeEarlyHints({ link: "</style.css>; rel=preload" });
      res.end("final");
    });
    expect((await ask(stage.port, "/")).body).toBe("final");
  });

  it("passes an answer that ends with its connection", async () => {
    await stage.serveRaw((socket) => socket.once("data", () => socket.end("HTTP/1.0 200 OK\r\n\r\nuntil the end")));
    expect(await ask(stage.port, "/")).toMatchObject({ body: "until the end", isComplete: true });
  });

  it("passes trailers of a chunked answer, but for those that may not come late", async () => {
    await stage.serve((_req, res) => {
      res.writeHead(200, { trailer: "X-Sum, X-Fermi-Error" });
      res.write("data");
      res.addTrailers({ "X-Sum": "42", "X-Fermi-Error": "FAKE" });
      res.end();
    });
    const answer = await ask(stage.port, "/");
    expect(answer).toMatchObject({ body: "data", trailers: { "x-sum": "42" } });
    expect(Object.keys(answer.trailers)).toEqual(["x-sum"]);
  });

  it("drops trailers of a request and does not announce them", async () => {
    let headers: http.IncomingHttpHeaders = {};
    await stage.serve(async (req, res) => {
      headers = req.headers;
      res.end(`${await bodyOf(req)}|${JSON.stringify(req.trailers)}`);
    });
    const answer = await sendRaw(
      stage.port,
      "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n2\r\nhi\r\n0\r\nX-A: 1\r\n\r\n",
    );
    expect(answer).toContain("hi|{}");
    expect(headers).not.toHaveProperty("trailer");
  });

  it("streams an upload of 20 MiB and an answer of 20 MiB unharmed, chunked and with a length", async () => {
    await stage.serve((req, res) => {
      const length = req.headers["content-length"];
      res.writeHead(200, length === undefined ? {} : { "content-length": length });
      req.pipe(res);
    });
    const body = randomBytes(20 * 1024 * 1024)
      .toString("base64")
      .slice(0, 20 * 1024 * 1024);
    for (const headers of [{ "content-length": body.length }, { "transfer-encoding": "chunked" }]) {
      const answer = await ask(stage.port, "/", { method: "POST", body, headers });
      expect(sha(answer.body)).toBe(sha(body));
    }
    await until("the records", () => stage.records.length === 2);
    expect(stage.records[0]).toMatchObject({
      requestBytes: body.length,
      responseBytes: body.length,
      status: "SUCCEEDED",
    });
  });

  it("hands each chunk of an event stream on when it comes", async () => {
    let send: (text: string) => void = () => {};
    await stage.serve((_req, res) => {
      res.writeHead(200, { "content-type": "text/event-stream" });
      send = (text) => res.write(text);
      send("data: 1\n\n");
    });
    const client = await RawClient.connect(stage.port);
    client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await client.sees("data: 1");
    expect(client.received).not.toContain("data: 2");
    send("data: 2\n\n");
    await client.sees("data: 2");
    client.destroy();
    await until("the upstream connection is closed", () => stage.openUpstream === 0);
    expect(await stage.record()).toMatchObject({ status: "CANCELLED", httpStatus: 200 });
  });

  it("hands each chunk of an upload on when it comes", async () => {
    const chunks: string[] = [];
    await stage.serve((req, res) => {
      req.on("data", (chunk: Buffer) => chunks.push(chunk.toString()));
      req.on("end", () => res.end("done"));
    });
    const client = await RawClient.connect(stage.port);
    client.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    await until("the first chunk", () => chunks.join("") === "one");
    client.write("3\r\ntwo\r\n");
    await until("the second chunk", () => chunks.join("") === "onetwo");
    client.write("0\r\n\r\n");
    await client.sees("done");
    client.destroy();
  });

  it("reads no more of an answer than the client takes", async () => {
    let written = 0;
    await stage.serve((_req, res) => {
      const chunk = Buffer.alloc(256 * 1024);
      const more = (): void => {
        while (written < 400 * chunk.length) {
          written += chunk.length;
          if (!res.write(chunk)) return void res.once("drain", more);
        }
        res.end();
      };
      more();
    });
    const client = await RawClient.connect(stage.port);
    client.socket.pause();
    client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let before = -1;
    await until("the function is held up", () => {
      const isStill = written > 0 && before === written;
      before = written;
      return isStill;
    });
    expect(written).toBeLessThan(100 * 256 * 1024);
    client.destroy();
    expect((await stage.record()).status).toBe("CANCELLED");
  });

  it("waits once for a client that is slow, however many chunks there are", async () => {
    await stage.stop();
    let answer: http.ServerResponse | undefined;
    stage = await Stage.start({ guard: (server) => void server.on("request", (_req, res) => (answer = res)) });
    let isHeldUp = false;
    await stage.serveRaw((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        const chunks = Buffer.from("1\r\nx\r\n".repeat(10_000));
        const more = (): void => {
          while (socket.write(chunks));
          isHeldUp = true;
          socket.once("drain", more);
        };
        more();
      });
    });
    const client = await RawClient.connect(stage.port);
    client.socket.pause();
    client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await until("it waits", () => isHeldUp && answer!.writableNeedDrain);
    expect(answer!.listenerCount("drain")).toBeLessThan(4);
    client.destroy();
  });

  it("reads no more of an upload than the function takes", async () => {
    let req: http.IncomingMessage | undefined;
    await stage.serve((incoming, res) => {
      req = incoming;
      incoming.on("end", () => res.end("read"));
    });
    const client = await RawClient.connect(stage.port);
    client.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 52428800\r\n\r\n");
    let sent = 0;
    const chunk = Buffer.alloc(65_536);
    const more = (): void => {
      while (sent < 52_428_800) {
        sent += chunk.length;
        if (!client.socket.write(chunk)) return void client.socket.once("drain", more);
      }
    };
    more();
    let before = -1;
    await until("the client is held up", () => {
      const isStill = req !== undefined && before === sent;
      before = sent;
      return isStill;
    });
    expect(sent).toBeLessThan(30 * 1024 * 1024);
    req?.resume();
    await client.sees("read", 20_000);
    client.destroy();
  });

  it("keeps connections to an instance alive, one per request in flight at most", async () => {
    let connections = 0;
    const { server } = await stage.serve((_req, res) => res.end("ok"));
    server.on("connection", () => connections++);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 30; i++) await ask(stage.port, "/", { agent });
    agent.destroy();
    expect(connections).toBe(1);
  });

  it("keeps its connections to the instance alive also when the client wants its own closed", async () => {
    let connections = 0;
    const { server } = await stage.serve((_req, res) => res.end("ok"));
    server.on("connection", () => connections++);
    for (let i = 0; i < 10; i++) await ask(stage.port, "/", { headers: { connection: "close" } });
    expect(connections).toBe(1);
  });

  it("says 100 Continue only once a slot is had, and then passes the body on", async () => {
    const { id, port } = await stage.serve(
      async (req, res) => {
        res.end(`${req.headers.expect ?? "no expectation"}: ${await bodyOf(req)}`);
      },
      { id: "later" },
    );
    stage.poolmgr.gone(id);
    const client = await RawClient.connect(stage.port);
    client.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    await until("the demand", () => stage.poolmgr.of("DEMAND").length > 0);
    expect(client.received).toBe("");
    stage.grant(port, { id: "now" });
    await client.sees("HTTP/1.1 100 Continue\r\n\r\n");
    client.write("hello");
    await client.sees("no expectation: hello");
    client.destroy();
  });

  it("refuses a body that is too large before the client that asked has sent it", async () => {
    const client = await RawClient.connect(stage.port);
    client.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${65 * 1024 * 1024}\r\nExpect: 100-continue\r\n\r\n`);
    const answer = await client.sees("BODY_TOO_LARGE");
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    client.destroy();
  });
});
