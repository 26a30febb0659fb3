/** What Node would not write of an answer: it costs nobody more than that answer, and the slot comes back. */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { FunctionTokens } from "../../src/auth/function-token.js";
import { systemClock } from "../../src/lib/clock.js";
import { AnswerParser } from "../../src/router/answer-parser.js";
import { ask, errorCode, sendRaw } from "./support/http-client.js";
import { Stage } from "./support/router-stage.js";
import { slotsAreBack } from "./support/slots-are-back.js";

const answers = (text: string) => (socket: Socket) => void socket.on("data", () => socket.write(text));

describe("Router: an answer that announces trailers", () => {
  let stage: Stage;
  afterEach(() => stage.stop());

  it("is told so only where it can carry them", async () => {
    stage = await Stage.start();
    const { id } = await stage.serveRaw(answers("HTTP/1.1 200 OK\r\nTrailer: X-A\r\nContent-Length: 2\r\n\r\nhi"));
    for (const method of ["GET", "GET", "HEAD"]) {
      const answer = await ask(stage.port, "/", { method });
      expect(answer).toMatchObject({ status: 200, body: method === "HEAD" ? "" : "hi" });
      expect(answer.headers).not.toHaveProperty("trailer");
    }
    stage.poolmgr.gone(id);
    await stage.serveRaw(answers("HTTP/1.1 204 No Content\r\nTrailer: X-A\r\n\r\n"));
    expect(await ask(stage.port, "/")).toMatchObject({ status: 204 });
    await slotsAreBack(stage);
  });

  it("has them with HTTP/1.1, and goes without to HTTP/1.0", async () => {
    stage = await Stage.start();
    await stage.serveRaw(
      answers("HTTP/1.1 200 OK\r\nTrailer: X-A\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-A: 1\r\n\r\n"),
    );
    expect(await ask(stage.port, "/")).toMatchObject({ headers: { trailer: "X-A" }, trailers: { "x-a": "1" } });
    const old = await sendRaw(stage.port, "GET / HTTP/1.0\r\n\r\n");
    expect(old).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nhi$/);
    expect(old).not.toMatch(/trailer/i);
    expect(await ask(stage.port, "/")).toMatchObject({ status: 200 });
  });
});

describe("Router: an answer that Node refuses to write", () => {
  let stage: Stage;
  afterEach(() => stage.stop());

  const startWith = async (method: "writeHead" | "write" | "addTrailers" | "end"): Promise<void> => {
    let left = 0;
    const guard = (server: Server): void =>
      void server.prependListener("request", (_req, res) => {
        const real = res[method].bind(res) as (...parts: unknown[]) => never;
        res[method] = (...parts: unknown[]) => {
          if (left-- > 0) throw new TypeError(`${method} was refused`);
          return real(...parts);
        };
      });
    stage = await Stage.start({ guard });
    left = 1;
  };

  it("before its head is 500 INTERNAL", async () => {
    await startWith("writeHead");
    await stage.serve((_req, res) => res.writeHead(200, "Fine").end("hi"));
    const answer = await ask(stage.port, "/");
    expect([answer.status, errorCode(answer), answer.headers.connection]).toEqual([500, "INTERNAL", "close"]);
    expect(await stage.record()).toMatchObject({ status: "FAILED", httpStatus: 500 });
    await slotsAreBack(stage);
    expect(await ask(stage.port, "/")).toMatchObject({ status: 200, body: "hi" });
  });

  it.each(["write", "addTrailers", "end"] as const)("within it (%s) is cut", async (method) => {
    await startWith(method);
    await stage.serve((_req, res) => {
      res.writeHead(200, { Trailer: "X-A" });
      res.write("x".repeat(100_000));
      res.addTrailers({ "X-A": "1" });
      res.end();
    });
    const isComplete = ask(stage.port, "/").then((answer) => answer.isComplete);
    expect(await isComplete.catch(() => false)).toBe(false);
    const error = "Fermi's router failed. The operator finds the cause in its log.";
    expect(await stage.record()).toMatchObject({ status: "FAILED", httpStatus: 200, error });
    await slotsAreBack(stage);
    expect(await ask(stage.port, "/")).toMatchObject({ status: 200, isComplete: true });
  });
});

describe("Router: a fault of the router's own", () => {
  let stage: Stage;
  afterEach(() => stage.stop());

  it("while it reads an answer is 500 INTERNAL", async () => {
    stage = await Stage.start();
    await stage.serve((_req, res) => res.end("hi"));
    const read = jest.spyOn(AnswerParser.prototype, "read").mockImplementationOnce(() => {
      throw new TypeError("a fault");
    });
    const answer = await ask(stage.port, "/");
    read.mockRestore();
    expect([answer.status, errorCode(answer)]).toEqual([500, "INTERNAL"]);
    await slotsAreBack(stage);
    expect((await ask(stage.port, "/")).status).toBe(200);
  });

  it("before it sends a request is 500 INTERNAL, and the slot comes back", async () => {
    const tokens = new FunctionTokens("the secret of this installation", systemClock);
    jest.spyOn(tokens, "issue").mockImplementationOnce(() => {
      throw new TypeError("a fault");
    });
    const publish = () => Promise.reject(new TypeError("not asked for"));
    stage = await Stage.start({ publishing: { tokens, topics: { publish } } });
    await stage.serve((_req, res) => res.end("hi"), { slots: 1 });
    const answer = await ask(stage.port, "/");
    expect([answer.status, errorCode(answer)]).toEqual([500, "INTERNAL"]);
    expect(await stage.record()).toMatchObject({ status: "FAILED", httpStatus: 500, attempts: 1 });
    expect((await ask(stage.port, "/")).status).toBe(200);
    await slotsAreBack(stage);
  });
});
