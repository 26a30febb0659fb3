/** `/-/`: the door for API and triggers, and the probes. */
import type http from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { InternalAuth } from "../../src/auth/internal-auth.js";
import { systemClock } from "../../src/lib/clock.js";
import { ask, errorCode, type Answer, type Ask } from "./support/http-client.js";
import { aFunction } from "./support/route-builders.js";
import { bodyOf, internalAuth, Stage } from "./support/router-stage.js";
import { until } from "./support/until.js";

const withTrailers: http.RequestListener = (_req, res) => {
  res.writeHead(200, { Trailer: "X-Sum" }).write("sum");
  res.addTrailers({ "X-Sum": "1", "X-Fermi-Invocation": "forged" });
  res.end();
};

describe("Router: its own paths", () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.start({ functions: [aFunction("hello", { currentVersionNumber: 3 })], triggers: [] });
    await stage.serve(
      async (req, res) => {
        res.writeHead(201, { "x-own": "1", "content-type": "text/plain" });
        const { "x-fermi-internal-auth": key, "x-fermi-invoke": invoke, "x-fermi-param-a": parameter } = req.headers;
        const { "x-custom": custom, host, "x-hop": hop, "x-fermi-trigger": trigger } = req.headers;
        res.end(
          JSON.stringify({
            method: req.method,
            url: req.url,
            body: await bodyOf(req),
            custom,
            host,
            leaked: [key, invoke, parameter, hop, trigger].filter(Boolean),
          }),
        );
      },
      { version: 3 },
    );
  });
  afterEach(() => stage.stop());

  const what = {
    ...{ functionId: "id-of-hello", version: null, method: "POST", path: "/a%20b?c=d" },
    ...{ source: "GRAPHQL", triggerId: null, headers: [] },
  };
  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const send = (content: string, request: Ask = {}, auth = internalAuth, port = stage.port) => {
    const { method = "POST" } = request;
    const headers = { ...auth.sign({ method, path: "/-/invoke", content }), "x-fermi-invoke": content };
    return ask(port, "/-/invoke", {
      ...request,
      method,
      headers: { ...headers, ...(request.headers as object) },
    });
  };
  const invoke = (change: object = {}, request: Ask = {}, auth = internalAuth, port = stage.port) =>
    send(encoded({ ...what, ...change }), request, auth, port);

  it("invoke a Fission image with the path that was asked for", async () => {
    const functions = [aFunction("fission", { contract: "FISSION_V2" })];
    const other = await Stage.start({ functions, triggers: [] });
    try {
      await other.serve((req, res) => res.end(JSON.stringify([req.url, req.headers["x-fission-full-url"]])), {
        functionId: "id-of-fission",
        contract: "FISSION_V2",
      });
      const answer = await invoke({ functionId: "id-of-fission" }, {}, internalAuth, other.port);
      expect(answer.body).toBe(JSON.stringify(["/a%20b?c=d", "/a%20b?c=d"]));
    } finally {
      await other.stop();
    }
  });

  it("invoke a function that has no route, and pass its answer through with what the invoker needs", async () => {
    const headers = [
      ["X-Custom", "1"],
      ["Connection", "x-hop"],
      ["X-Hop", "1"],
      ["X-Fermi-Param-A", "forged"],
      ["Host", "given.example"],
    ];
    const answer = await invoke({ method: "PUT", headers, triggerId: "t", source: "TIME" }, { body: "hello" });
    expect(answer.status).toBe(201);
    expect(answer.headers["x-own"]).toBe("1");
    expect(JSON.parse(answer.body)).toEqual({
      method: "PUT",
      url: "/a%20b?c=d",
      body: "hello",
      custom: "1",
      host: "given.example",
      leaked: [],
    });
    const record = await stage.record();
    expect(record).toMatchObject({
      source: "TIME",
      triggerId: "t",
      method: "PUT",
      path: "/a%20b",
      functionVersion: 3,
      status: "SUCCEEDED",
      requestBytes: 5,
    });
    expect(answer.headers["x-fermi-invocation-id"]).toBe(record.id);
    expect(told(answer)).toEqual(JSON.parse(JSON.stringify(record)));
  });

  it("tell the function what Fermi itself says of the call, and let no caller say it", async () => {
    await stage.serve((req, res) => res.end(JSON.stringify(req.headersDistinct)), { version: 3, id: "telling" });
    const headers = [["X-Fermi-Event", "forged"]];
    const ownHeaders = [
      ["X-Fermi-Event", "ADDED"],
      ["X-Fermi-Object-Name", "a"],
    ];
    const answer = await invoke({ version: 3, headers, ownHeaders });
    expect(JSON.parse(answer.body)).toMatchObject({ "x-fermi-event": ["ADDED"], "x-fermi-object-name": ["a"] });
  });

  const told = ({ headers, trailers }: Answer): unknown =>
    JSON.parse(
      Buffer.from(String(trailers["x-fermi-invocation"] ?? headers["x-fermi-invocation"]), "base64url").toString(),
    );

  const answers: [string, http.RequestListener, Ask][] = [
    ["an answer without a body", (_req, res) => res.writeHead(204).end(), {}],
    ["a failure", (_req, res) => res.writeHead(500, { "content-length": 3 }).end("oh!"), {}],
    ["an answer with trailers of its own", withTrailers, {}],
    [
      "an upload too long to be read first",
      (req, res) => req.resume().on("end", () => res.end("x")),
      { body: "x".repeat(200_000) },
    ],
    [
      "such an upload whose answer has no body",
      (req, res) => req.resume().on("end", () => res.writeHead(204).end()),
      { body: "x".repeat(200_000) },
    ],
  ];
  it.each(answers)("tell of %s just what is recorded", async (_what, listener, request) => {
    await stage.serve(listener, { version: 1, id: "first" });
    const answer = await invoke({ version: 1 }, request);
    const record = await stage.record();
    expect(record).toMatchObject({ instance: "first", requestBytes: request.body?.length ?? 0 });
    expect(told(answer)).toEqual(JSON.parse(JSON.stringify(record)));
  });

  it("invoke a version that is not the current one", async () => {
    await stage.serve((_req, res) => res.end("one"), { version: 1, id: "first" });
    expect((await invoke({ version: 1 })).body).toBe("one");
    expect(await stage.record()).toMatchObject({ functionVersion: 1, instance: "first" });
  });

  it("invoke with HEAD without a length that the answer would not have", async () => {
    const answer = await invoke({ method: "HEAD" });
    expect(answer).toMatchObject({ status: 201, body: "", isComplete: true });
  });

  it("hand platform failures on by their code", async () => {
    stage.poolmgr.gone("instance-1");
    const answer = invoke();
    await until("it waits", () => stage.poolmgr.of("DEMAND").length > 0);
    stage.poolmgr.refuse({ functionId: "id-of-hello", version: 3 }, { code: "LOAD_FAILED", message: "no such export" });
    expect((await answer).headers["x-fermi-error"]).toBe("LOAD_FAILED");
  });

  it("are not there for who does not sign, or with another method", async () => {
    const headers = { "x-fermi-invoke": encoded(what) };
    const unsigned = await ask(stage.port, "/-/invoke", { method: "POST", headers });
    for (const answer of [unsigned, await invoke({}, { method: "GET" })]) {
      expect([answer.status, errorCode(answer)]).toEqual([404, "ROUTE_NOT_FOUND"]);
    }
    expect(stage.records).toEqual([]);
    expect((await ask(stage.port, "/-/else")).status).toBe(404);
  });

  it("refuse who signs with another secret, signs something else, or sends a signed request again", async () => {
    const stranger = await invoke({}, {}, new InternalAuth("another secret", systemClock));
    const changed = await invoke({}, { headers: { "x-fermi-invoke": encoded({ ...what, method: "DELETE" }) } });
    const signed = internalAuth.sign({ method: "POST", path: "/-/invoke", content: encoded(what) });
    const first = await invoke({}, { headers: signed });
    const again = await invoke({}, { headers: signed });
    expect(first.status).toBe(201);
    for (const answer of [stranger, changed, again]) {
      expect([answer.status, errorCode(answer)]).toEqual([401, "UNAUTHENTICATED"]);
    }
    expect(stage.records).toHaveLength(1);
  });

  it("know no function that does not exist", async () => {
    const answer = await invoke({ functionId: "none" });
    expect([answer.status, errorCode(answer)]).toEqual([404, "NOT_FOUND"]);
  });

  const wrong: [string, object][] = [
    ["a method that is none", { method: "get it" }],
    ["CONNECT", { method: "CONNECT" }],
    ["a path without a slash", { path: "a" }],
    ["a path with a line break", { path: "/\r\nX: 1" }],
    ["a version that is none", { version: "1" }],
    ["a source that is none", { source: "MOON" }],
    ["headers that are no pairs", { headers: [["a"]] }],
    ["a header with a line break", { headers: [["a", "b\r\nc: d"]] }],
    ["own headers that are not Fermi's", { ownHeaders: [["Content-Length", "5"]] }],
    ["own headers that are the router's to say", { ownHeaders: [["X-Fermi-Key", "a"]] }],
    ["own headers with a line break", { ownHeaders: [["X-Fermi-Event", "a\r\nb: c"]] }],
    ["own headers that are no list", { ownHeaders: "X-Fermi-Event" }],
    ["a trigger that is no text", { triggerId: 5 }],
    ["no function", { functionId: null }],
  ];
  for (const [what, change] of wrong) {
    it(`refuse ${what}`, async () => {
      const answer = await invoke(change);
      expect([answer.status, errorCode(answer)]).toEqual([400, "BAD_REQUEST"]);
    });
  }

  it("refuse what is no JSON", async () => {
    expect((await send("%%%")).status).toBe(400);
    expect((await send(encoded(null))).status).toBe(400);
  });

  it("tell whether the router lives and whether it is ready", async () => {
    expect(await ask(stage.port, "/-/healthz")).toMatchObject({ status: 200, body: '{"ok":true}' });
    expect(await ask(stage.port, "/-/readyz")).toMatchObject({ status: 200, body: '{"ready":true}' });
  });
});
