/** An answer that comes before the whole body: the connection goes on, or its end was announced. */
import http from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ask, RawClient } from "./support/http-client.js";
import { Stage } from "./support/router-stage.js";
import { until } from "./support/until.js";

const post = (bytes: number): string => `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`;

describe("Router: an answer before the whole body", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.start();
  });
  afterEach(() => stage.stop());

  it("that is whole says that it is the connection's last, whatever its status", async () => {
    await stage.serve((_req, res) => res.end("enough"));
    const client = await RawClient.connect(stage.port);
    client.write(`${post(300_000)}the first of it`);
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 200 [^]*connection: close\r\n[^]*enough$/i);
  });

  it("costs a client that keeps its connections no request", async () => {
    await stage.serve((_req, res) => res.end("enough"));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const body = Buffer.alloc(300_000);
    for (let i = 0; i < 30; i++) {
      expect(await ask(stage.port, "/", { method: "POST", body, agent })).toMatchObject({ status: 200 });
    }
    agent.destroy();
  });

  const streamed: http.RequestListener = (_req, res) => {
    res.write("begun");
    setImmediate(() => res.end(" and ended"));
  };

  it("that said nothing of the connection's end leaves it as it is, once the rest has come", async () => {
    await stage.serve(streamed);
    const client = await RawClient.connect(stage.port);
    client.write(`${post(300_000)}${"x".repeat(100_000)}`);
    await until("the record", () => stage.records.length === 1);
    client.write(`${"x".repeat(200_000)}${post(1)}x`);
    await until("both answers", () => client.received.match(/ended\r\n0\r\n/g)?.length === 2);
    expect(client.received).not.toMatch(/connection: close/i);
    client.destroy();
  });

  it("closes it where the rest does not come in a moment", async () => {
    await stage.serve(streamed);
    const client = await RawClient.connect(stage.port);
    client.write(`${post(300_000)}${"x".repeat(100_000)}`);
    await client.closed();
    expect(client.received).toMatch(/^HTTP\/1\.1 200 [^]*ended\r\n0\r\n\r\n$/);
  });
});
