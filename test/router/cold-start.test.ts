/** The connection to an instance that is still being specialized: dialled ahead, and never trusted more than another. */
import http from "node:http";
import type net from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { ask } from "./support/http-client.js";
import { Stage } from "./support/router-stage.js";
import { until } from "./support/until.js";

const id = "the-instance";

describe("Router: connections dialled ahead", () => {
  let stage: Stage;
  let port: number;
  let opened: net.Socket[];
  let asked: string[];
  let answers: Promise<{ status: number; body: string }>[];
  /** Sooner than they end by themselves. */
  const ends = (count: number) =>
    until("an end", () => opened.filter(({ destroyed }) => destroyed).length === count, 2_500);

  beforeEach(async () => {
    opened = [];
    asked = [];
    answers = [];
    stage = await Stage.start();
    const server = http.createServer((req, res) => {
      asked.push(req.url ?? "");
      res.end("cold");
    });
    server.on("connection", (socket) => opened.push(socket));
    port = await stage.open(server);
  });
  afterEach(() => stage.stop());

  /** So many requests that wait, for an instance that is being specialized. */
  async function prepare(requests: number, slots = 10): Promise<void> {
    for (let at = 0; at < requests; at++) answers.push(ask(stage.port, `/${at}`));
    await until("the demand", () => stage.poolmgr.of("DEMAND").at(-1)?.waiting === requests);
    stage.prepare(port, { id, slots });
    await until("the connections", () => opened.length === Math.min(requests, slots));
  }
  const bodies = async () => (await Promise.all(answers)).map(({ body }) => body);

  it("are opened meanwhile, and carry the first requests once the instance is granted", async () => {
    await prepare(2);
    expect(asked).toEqual([]);
    stage.grant(port, { id });
    expect(await bodies()).toEqual(["cold", "cold"]);
    expect(opened).toHaveLength(2);
    await until("the records", () => stage.records.length === 2);
    expect(stage.records.map(({ coldStart }) => coldStart)).toEqual([true, true]);
  });

  it("are no more than the instance will take requests", async () => {
    await prepare(3, 1);
    stage.grant(port, { id, slots: 1 });
    expect(await bodies()).toEqual(["cold", "cold", "cold"]);
    expect(opened).toHaveLength(1);
  });

  it("are not opened where nobody waits", async () => {
    stage.prepare(port, { id });
    stage.grant(port, { id });
    expect((await ask(stage.port, "/")).body).toBe("cold");
    expect(opened).toHaveLength(1);
  });

  it("are dialled anew where the instance has closed them", async () => {
    await prepare(1);
    opened[0]?.end();
    await ends(1);
    stage.grant(port, { id });
    expect(await bodies()).toEqual(["cold"]);
    expect(opened).toHaveLength(2);
  });

  it("are closed where the instance speaks without being asked: what it says is nobody's answer", async () => {
    await prepare(1);
    opened[0]?.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
    await ends(1);
    stage.grant(port, { id });
    expect(await bodies()).toEqual(["cold"]);
  });

  it("are closed when the instance is gone before it was granted", async () => {
    await prepare(1);
    stage.poolmgr.gone(id);
    await ends(1);
    await stage.serve((_req, res) => res.end("another"));
    expect(await bodies()).toEqual(["another"]);
    expect(asked).toEqual([]);
  });

  it("are closed when the stream to the pool manager is lost", async () => {
    await prepare(1);
    stage.poolmgr.lose();
    await ends(1);
    await stage.serve((_req, res) => res.end("another"));
    expect(await bodies()).toEqual(["another"]);
  });

  it("are not used for an instance of the same name at another address", async () => {
    await prepare(1);
    const other = await stage.serve((_req, res) => res.end("another"), { id });
    expect(await bodies()).toEqual(["another"]);
    expect(other.port).not.toBe(port);
    await ends(1);
  });
});
