/** Routes whose callers do not wait: from the request over the store and a worker to the function, and back to who asks. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { DataSource } from "typeorm";
import { AppError } from "../../src/errors/app-error.js";
import { AsyncInvocations } from "../../src/invocations/async-invocations.js";
import type { AsyncWorker } from "../../src/invocations/async-worker.js";
import { Invoker } from "../../src/invocations/invoker.js";
import { systemClock } from "../../src/lib/clock.js";
import { newId } from "../../src/lib/new-id.js";
import type { HttpTrigger, RouteMode } from "../../src/model/trigger.js";
import { isAsyncCall, prefersAsync } from "../../src/router/async-door.js";
import { buildDataSource } from "../../src/store/data-source.js";
import { AsyncInvocationRepository } from "../../src/store/repositories/async-invocation.repository.js";
import { InvocationRepository } from "../../src/store/repositories/invocation.repository.js";
import { startWorker } from "../support/async-stage.js";
import { eventually } from "../support/harness.js";
import { testDatabase, type TestDatabase } from "../support/test-database.js";
import { ask, errorCode, RawClient, type Answer, type Ask } from "./support/http-client.js";
import { aFunction, aPolicy, aTrigger } from "./support/route-builders.js";
import { bodyOf, internalAuth, Stage } from "./support/router-stage.js";

const mebibyte = 1024 * 1024;

interface Status {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly error: string | null;
  readonly result: { httpStatus: number; body: string } | null;
}

describe("Router: routes that answer later", () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let stage: Stage;
  let worker: AsyncWorker | undefined;
  let failure: AppError | undefined;
  const functionId = newId();
  const roomless = newId();
  const cors = aPolicy({ exposeHeaders: ["X-Own"], allowHeaders: ["X-A"], allowMethods: ["POST"] });
  const trigger = (path: string, mode: RouteMode, change: Partial<HttpTrigger> = {}) =>
    aTrigger(path, {
      ...{ functionId, ...change },
      id: newId(),
      mode,
      methods: ["GET", "POST"],
      name: `route-${mode.toLowerCase()}`,
    });

  beforeAll(async () => {
    database = await testDatabase();
    dataSource = await buildDataSource({ url: database.url }).initialize();
  });
  beforeEach(async () => {
    failure = undefined;
    const store = new AsyncInvocationRepository(dataSource);
    const invocations = new InvocationRepository(dataSource);
    const intake = new AsyncInvocations({ store, invocations, clock: systemClock });
    stage = await Stage.start({
      functions: [aFunction("hello", { id: functionId }), aFunction("roomless", { id: roomless })],
      triggers: [
        trigger("/later/{name}", "ASYNC"),
        trigger("/either", "ASYNC_ALLOWED"),
        trigger("/now", "SYNC"),
        trigger("/page", "ASYNC", { cors }),
        trigger("/roomless", "ASYNC", { functionId: roomless }),
      ],
      intake: {
        enqueue: (request) => (failure === undefined ? intake.enqueue(request) : Promise.reject(failure)),
        status: (id, token) => intake.status(id, token),
      },
    });
    await stage.serve(
      async (req, res) => {
        const { method, url, headers } = req;
        const seen = Object.entries(headers).filter(([name]) => /^x-|^host$|^traceparent$/.test(name));
        res.end(JSON.stringify({ method, url, headers: Object.fromEntries(seen), body: await bodyOf(req) }));
      },
      { functionId },
    );
  });
  afterEach(async () => {
    await worker?.stop();
    worker = undefined;
    await stage.stop();
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  const work = (): void => {
    const routerUrl = (): string => `http://127.0.0.1:${stage.port}`;
    const sign = (request: Parameters<typeof internalAuth.sign>[0]) => internalAuth.sign(request);
    worker = startWorker(dataSource, new Invoker({ routerUrl, sign, clock: systemClock }));
  };
  const call = (path: string, request: Ask = {}): Promise<Answer> =>
    ask(stage.port, path, { method: "POST", body: "content", ...request });
  const statusAt = async (location: string | undefined): Promise<Status> =>
    JSON.parse((await ask(stage.port, location ?? "")).body) as Status;

  it("store a request, answer 202, and tell at the given address what came of it", async () => {
    const headers = { "X-Custom": "1", "X-Forwarded-For": "6.6.6.6", Host: "shop.example" };
    const answer = await call("/later/caf%C3%A9?a=b", { headers });
    const { id, ...told } = JSON.parse(answer.body) as { id: string; status: string; location: string };
    expect(answer.status).toBe(202);
    expect(answer.headers["x-fermi-invocation-id"]).toBe(id);
    expect(answer.headers["preference-applied"]).toBeUndefined();
    expect(told).toEqual({ status: "QUEUED", location: answer.headers.location });
    const before = await ask(stage.port, told.location);
    expect(before.headers).toMatchObject({ "cache-control": "no-store", "retry-after": "1" });
    expect(JSON.parse(before.body)).toMatchObject({ id, status: "QUEUED", attempts: 0, result: null });
    work();
    const after = await eventually(async () => {
      const status = await statusAt(told.location);
      expect(status.status).toBe("SUCCEEDED");
      return status;
    });
    expect(after).toMatchObject({ id, attempts: 1, error: null, result: { httpStatus: 200 } });
    const seen = JSON.parse(after.result?.body ?? "") as { headers: Record<string, string> };
    expect(seen).toMatchObject({ method: "POST", url: "/later/caf%C3%A9?a=b", body: "content" });
    expect(seen.headers).toMatchObject({
      ...{ host: "shop.example", "x-custom": "1", "x-forwarded-for": "127.0.0.1", "x-forwarded-host": "shop.example" },
      ...{ "x-fermi-invocation-id": id, "x-fermi-param-name": "caf%C3%A9", "x-fermi-trigger": "route-async" },
      ...{ "x-fermi-attempt": "1", traceparent: expect.stringContaining(id.replaceAll("-", "")) },
    });
    expect(stage.recorder.counted.map((one) => one.id)).toEqual([id]);
    expect(stage.records).toEqual([]);
  });

  it("answer with the function's answer where a caller of such a route does not ask for less", async () => {
    const [now, later, never] = [
      await call("/either"),
      await call("/either", { headers: { Prefer: "wait=10, respond-async" } }),
      await call("/now", { headers: { Prefer: "respond-async" } }),
    ];
    expect([now.status, later.status, never.status]).toEqual([200, 202, 200]);
    expect(later.headers["preference-applied"]).toBe("respond-async");
  });

  it("take a request without a body, and one that is as large as it may be, however it is framed", async () => {
    const body = Buffer.alloc(mebibyte, "x");
    expect((await call("/later/a", { method: "GET", body: "" })).status).toBe(202);
    expect((await call("/later/a", { body })).status).toBe(202);
    const chunked = await call("/later/a", { body, headers: { "Transfer-Encoding": "chunked" } });
    expect(chunked.status).toBe(202);
    const large = Buffer.alloc(mebibyte + 1, "x");
    for (const headers of [{}, { "Transfer-Encoding": "chunked" }]) {
      const answer = await call("/later/a", { body: large, headers });
      expect([answer.status, errorCode(answer)]).toEqual([413, "BODY_TOO_LARGE"]);
    }
  });

  it("ask for the body where the client waits to be asked", async () => {
    const client = await RawClient.connect(stage.port);
    client.write("POST /later/a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    await client.sees("100 Continue");
    client.write("ok");
    await client.sees("202 Accepted");
    client.destroy();
  });

  it("store nothing of a request that breaks off", async () => {
    const count = async (): Promise<unknown> => dataSource.query("SELECT count(*) FROM async_invocation");
    const before = await count();
    const client = await RawClient.connect(stage.port);
    client.write("POST /later/a HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nhalf");
    client.destroy();
    expect((await call("/now")).status).toBe(200);
    expect(await count()).toEqual(before);
  });

  it("count no attempt that no instance had when its worker was stopped", async () => {
    const { headers } = await call("/roomless");
    work();
    await eventually(() => expect(stage.recorder.running.get(roomless)).toBe(1));
    await worker?.stop();
    const { status, attempts, error } = await statusAt(headers.location);
    expect([status, attempts, error]).toEqual(["QUEUED", 0, "It was called off before an instance had it."]);
    expect(stage.recorder.running.get(roomless)).toBe(0);
  });

  it("give the same invocation for the same key, and refuse what is no key, or another request's", async () => {
    const headers = { "Idempotency-Key": newId() };
    const [first, second] = [await call("/later/a", { headers }), await call("/later/a", { headers })];
    expect(second.headers.location).toBe(first.headers.location);
    expect(second.headers["x-fermi-invocation-id"]).toBe(first.headers["x-fermi-invocation-id"]);
    const refused = await call("/later/a", { headers: { "Idempotency-Key": "k".repeat(256) } });
    expect([refused.status, errorCode(refused)]).toEqual([400, "BAD_REQUEST"]);
    const other = await call("/later/a", { headers, body: "other content" });
    expect([other.status, errorCode(other), other.headers.location]).toEqual([409, "CONFLICT", undefined]);
  });

  it("let a page that may call the route read where to ask, and what came of it", async () => {
    const from = (origin: string): Ask => ({ method: "GET", body: "", headers: { Origin: origin } });
    const accepted = await call("/page", { headers: { Origin: "https://app.example" } });
    expect([accepted.status, accepted.headers]).toMatchObject([
      202,
      {
        "access-control-allow-origin": "https://app.example",
        "access-control-expose-headers": "X-Own, Location, X-Fermi-Invocation-Id, Preference-Applied",
      },
    ]);
    const location = String(accepted.headers.location);
    expect((await call(location, from("https://app.example"))).headers).toMatchObject({
      "access-control-allow-origin": "https://app.example",
      "access-control-expose-headers": "X-Own, Retry-After",
      vary: "Origin",
    });
    const evil = await call(location, from("https://evil.example"));
    expect([evil.status, evil.headers["access-control-allow-origin"]]).toEqual([200, undefined]);
    const preflight = await call(location, {
      ...{ method: "OPTIONS", body: "" },
      headers: { Origin: "https://app.example", "Access-Control-Request-Method": "GET" },
    });
    expect([preflight.status, preflight.headers]).toMatchObject([
      204,
      {
        "access-control-allow-origin": "https://app.example",
        "access-control-allow-methods": "GET, HEAD",
        "access-control-allow-headers": "X-A",
      },
    ]);
    const other = await call("/later/a", { headers: { Origin: "https://app.example" } });
    const unread = await call(String(other.headers.location), from("https://app.example"));
    expect([unread.status, unread.headers["access-control-allow-origin"]]).toEqual([200, undefined]);
  });

  it("tell nothing to who has but the id, or the secret of another", async () => {
    const [one, other] = [await call("/later/a"), await call("/later/a")];
    const [path = ""] = String(one.headers.location).split("?");
    const [, query = ""] = String(other.headers.location).split("?");
    const wrong = [
      path,
      `${path}?token=`,
      `${path}?token=%00`,
      `${path}?${query}`,
      "/-/invocations/x",
      "/-/invocations/",
    ];
    for (const address of wrong) {
      const answer = await ask(stage.port, address);
      expect([answer.status, errorCode(answer)]).toEqual([404, "NOT_FOUND"]);
    }
    expect((await ask(stage.port, String(one.headers.location))).status).toBe(200);
    const put = await ask(stage.port, String(one.headers.location), { method: "PUT" });
    expect([put.status, put.headers.allow]).toEqual([405, "GET, HEAD"]);
    expect(await ask(stage.port, String(one.headers.location), { method: "HEAD" })).toMatchObject({
      status: 200,
      body: "",
    });
  });

  it("answer 503 where it can't be stored", async () => {
    failure = new AppError("STORE_UNAVAILABLE", "The store can't be reached at the moment.", { retryAfterSeconds: 1 });
    const answer = await call("/later/a");
    expect([answer.status, errorCode(answer), answer.headers["retry-after"]]).toEqual([503, "STORE_UNAVAILABLE", "1"]);
  });

  it("refuse headers that could not be passed on later", async () => {
    const answer = await call("/later/a", { headers: { "x-1": "v".repeat(9_000), "x-2": "v".repeat(9_000) } });
    expect([answer.status, errorCode(answer)]).toEqual([431, "HEADERS_TOO_LARGE"]);
  });

  it("open no WebSocket", async () => {
    const client = await RawClient.connect(stage.port);
    client.write(
      "GET /later/a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    expect(await client.closed()).toContain("400 Bad Request");
  });

  it.each<[string | undefined, boolean]>([
    [undefined, false],
    ["respond-async", true],
    ["Respond-Async", true],
    ["wait=10, respond-async; a=b", true],
    ["respond-asynchronously", false],
    ['x="a, respond-async"', false],
    ["return=minimal", false],
  ])("understand Prefer: %s", (prefer, asks) => {
    expect(isAsyncCall("ASYNC_ALLOWED", prefer)).toBe(asks);
    expect(prefersAsync(prefer)).toBe(asks);
    expect(isAsyncCall("SYNC", prefer)).toBe(false);
    expect(isAsyncCall("ASYNC", prefer)).toBe(true);
  });
});
