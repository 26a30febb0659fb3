import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { connect, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { systemClock, type Clock } from "../../src/lib/clock.js";
import { ConnectionDues } from "../../src/router/connection-dues.js";
import { until } from "./support/until.js";

describe("ConnectionDues", () => {
  let server: Server;
  let client: Socket;
  let received: string;
  let isClosed: boolean;
  let accepted: { req: IncomingMessage; res: ServerResponse }[];
  let timers: { ms: number; task: () => void; isStopped: boolean }[];

  /** Tasks are run by the test. */
  const clock: Clock = {
    ...systemClock,
    after: (ms, task) => {
      const timer = { ms, task, isStopped: false };
      timers.push(timer);
      return { stop: () => (timer.isStopped = true) };
    },
  };

  beforeEach(async () => {
    [accepted, timers, received, isClosed] = [[], [], "", false];
    const dues = new ConnectionDues(clock, 60_000);
    server = createServer((req, res) => {
      dues.expect(req, res);
      accepted.push({ req, res });
    });
    server.on("clientError", (error, socket) => dues.handle(error, socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    client.on("data", (chunk: Buffer) => (received += chunk.toString()));
    client.on("error", () => {}).on("close", () => (isClosed = true));
  });
  afterEach(async () => {
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

  it("waits for the answers that are due for so long and no longer", async () => {
    client.write(`${get}rubbish\r\n\r\n`);
    await until("the deadline is set", () => timers.length === 1);
    expect([timers[0]?.ms, accepted.length, isClosed]).toEqual([60_000, 1, false]);
    timers[0]?.task();
    await until("the client is cut", () => isClosed);
    expect(received).toBe("");
  });

  it("tells its error when the last answer is out, and stops the deadline when the connection has closed", async () => {
    client.write(`${get}${get}rubbish\r\n\r\n`);
    await until("the deadline is set", () => timers.length === 1);
    accepted[0]?.res.end("first");
    await until("the first answer is out", () => received.endsWith("first"));
    accepted[1]?.res.end("second");
    await until("the client sees the end", () => isClosed);
    expect(received).toMatch(/first[^]*second[^]*HTTP\/1\.1 400 Bad Request\r\n/);
    await until("the timers are stopped", () => timers.every(({ isStopped }) => isStopped));
  });

  it("tells of what is no HTTP at once where nothing is due, and only once", async () => {
    client.write("rubbish\r\n\r\n");
    client.write("more rubbish\r\n\r\n");
    await until("the client sees the end", () => isClosed);
    expect(received.match(/HTTP\/1\.1 400/g)).toHaveLength(1);
  });

  it("closes without a word where the answer came before its request's body went bad", async () => {
    client.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    await until("the request is in", () => accepted.length === 1);
    accepted[0]?.res.end("early");
    await until("the answer is out", () => received.endsWith("early\r\n0\r\n\r\n") || received.endsWith("early"));
    client.write("zz\r\n");
    await until("the client sees the end", () => isClosed);
    expect(received.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it("cuts a client that ends within a request", async () => {
    client.end("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
    await until("the client is cut", () => isClosed);
    expect([received, accepted.length]).toEqual(["", 1]);
  });
});
