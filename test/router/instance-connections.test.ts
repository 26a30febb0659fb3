/** Which connections to an instance carry another request, and which must not. */
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ask, RawClient } from "./support/http-client.js";
import { Stage } from "./support/router-stage.js";
import { slotsAreBack } from "./support/slots-are-back.js";
import { until } from "./support/until.js";

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

describe("Router: connections to an instance", () => {
  let stage: Stage;
  let opened: Socket[];
  beforeEach(async () => {
    opened = [];
    stage = await Stage.start();
  });
  afterEach(() => stage.stop());

  /** An instance that gives these answers, request by request and over all connections; the last one again and again. */
  async function answering(...answers: readonly string[]): Promise<void> {
    let asked = 0;
    await stage.serveRaw((socket) => {
      opened.push(socket);
      socket.on("data", () => socket.write(answers[Math.min(asked++, answers.length - 1)] ?? "", "latin1"));
    });
  }
  async function connectionsAfter(requests: number): Promise<number> {
    for (let i = 0; i < requests; i++)
      expect(await ask(stage.port, "/")).toMatchObject({ status: 200, isComplete: true });
    return opened.length;
  }

  it.each([
    ["a length", ok],
    ["chunks and a trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n"],
    ["interim answers before it", `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}`],
    ["a promise to be kept", ok.replace("\r\n\r\n", "\r\nKeep-Alive: timeout=5\r\n\r\n")],
  ])("carry the next request after an answer with %s", async (_name, answer) => {
    await answering(answer);
    expect(await connectionsAfter(3)).toBe(1);
  });

  it.each([
    ["more than it said", `${ok}more`],
    ["another answer", `${ok}${ok}`],
    ["Connection: close", ok.replace("\r\n\r\n", "\r\nConnection: x, Close\r\n\r\n")],
    ["HTTP/1.0", ok.replace("1.1", "1.0").replace("\r\n\r\n", "\r\nConnection: keep-alive\r\n\r\n")],
    ["a promise too short to be relied on", ok.replace("\r\n\r\n", "\r\nKeep-Alive: timeout=1\r\n\r\n")],
  ])("carry none after an answer with %s", async (_name, answer) => {
    await answering(answer);
    expect(await connectionsAfter(3)).toBe(3);
  });

  it("carry none once the instance has spoken without being asked, whatever it says", async () => {
    await answering(ok);
    expect(await connectionsAfter(1)).toBe(1);
    opened[0]?.write(ok.replace("ok", "no"));
    await until("the connection is closed", () => stage.openUpstream === 0);
    expect((await ask(stage.port, "/")).body).toBe("ok");
    expect(opened).toHaveLength(2);
  });

  it("carry none where the answer came before the request's body was there", async () => {
    await answering(ok);
    const client = await RawClient.connect(stage.port);
    client.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nthe beginning");
    await client.sees("ok");
    client.destroy();
    await until("the connection is closed", () => stage.openUpstream === 0);
    expect(await connectionsAfter(1)).toBe(2);
    await slotsAreBack(stage);
  });

  it("that end while a request is about to be sent cost it nothing: it goes on another, once", async () => {
    let asked = 0;
    await stage.serveRaw((socket) => {
      opened.push(socket);
      // Its end comes with the answer, so that it is there before the next request may be written.
      socket.on("data", () => socket.end(ok, () => asked++));
    });
    for (let i = 1; i <= 20; i++) {
      expect(await ask(stage.port, "/")).toMatchObject({ status: 200, body: "ok" });
      expect(asked).toBe(i);
    }
    expect(stage.poolmgr.of("SUSPECT")).toEqual([]);
  });

  it("pass interim answers to nobody, and trailers on", async () => {
    const trailing = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n";
    await answering(`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${trailing}`);
    const client = await RawClient.connect(stage.port);
    client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await client.sees("\r\n0\r\nA: b\r\n\r\n");
    expect(client.received).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(client.received).not.toMatch(/Early Hints/);
    client.destroy();
  });
});
