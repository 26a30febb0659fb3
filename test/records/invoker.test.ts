import dns from "node:dns";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { AppError } from "../../src/errors/app-error.js";
import { hasNotArrived, Invoker, mayHaveRun, type InvokerOptions } from "../../src/invocations/invoker.js";
import type { InvokeRequest } from "../../src/invocations/invoke-request.js";
import { systemClock } from "../../src/lib/clock.js";
import { newId } from "../../src/lib/new-id.js";
import type { Invocation } from "../../src/model/invocation.js";
import type { RequestContext } from "../../src/model/request-context.js";
import { settingLimits } from "../../src/model/validate-function.js";
import { ManualClock, until } from "./support/record-builders.js";

const sign: InvokerOptions["sign"] = ({ method, path, content }) => ({ "X-Signed": `${method} ${path} ${content}` });

type Handler = (req: http.IncomingMessage, res: http.ServerResponse, body: Buffer) => void;

describe("Invoker", () => {
  let server: http.Server | undefined;

  afterEach(() => {
    server?.close();
    server?.closeAllConnections();
  });

  /** An invoker, and a router that answers as `handler` does. */
  const setUp = async (handler: Handler, options: Partial<InvokerOptions> = {}): Promise<Invoker> => {
    server = http.createServer((req, res) => {
      const chunks: Buffer[] = [];
      req.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => handler(req, res, Buffer.concat(chunks)));
    });
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const routerUrl = (): string => `http://127.0.0.1:${port}`;
    return new Invoker({ routerUrl, sign, clock: systemClock, ...options });
  };
  const context = (signal = new AbortController().signal): RequestContext => ({
    principal: { subject: "test", roles: [], namespaces: ["*"] },
    requestId: newId(),
    signal,
  });
  const request = (fields: Partial<InvokeRequest> = {}): InvokeRequest => ({
    functionId: newId(),
    version: null,
    method: "POST",
    path: "/",
    headers: [],
    body: undefined,
    source: "GRAPHQL",
    triggerId: null,
    ...fields,
  });
  const invocationId = newId();
  const recorded: Invocation = {
    id: invocationId,
    functionId: newId(),
    functionVersion: 4,
    source: "GRAPHQL",
    triggerId: null,
    status: "SUCCEEDED",
    method: "PUT",
    path: "/a",
    httpStatus: 201,
    error: null,
    coldStart: true,
    durationMs: 17.25,
    waitMs: 3.5,
    attempts: 2,
    requestBytes: 3,
    responseBytes: 7,
    instance: "nodejs-1",
    acceptedAt: new Date("2026-08-01T12:00:00.000Z"),
    finishedAt: new Date("2026-08-01T12:00:00.017Z"),
  };
  const told = Buffer.from(JSON.stringify(recorded)).toString("base64url");
  const answered: http.OutgoingHttpHeaders = { "X-Fermi-Invocation-Id": invocationId };
  const answer =
    (status: number, body: string | Buffer, headers: http.OutgoingHttpHeaders = {}): Handler =>
    (_, res) => {
      res.writeHead(status, { ...answered, ...headers }).write(body || " ");
      res.addTrailers({ "X-Fermi-Invocation": told });
      res.end();
    };

  it("sends what is to be called in headers, and the body as it is", async () => {
    let seen: { url?: string; method?: string; key?: unknown; invoke?: unknown; body?: string } = {};
    const invoker = await setUp((req, res, body) => {
      const invoke: unknown = JSON.parse(Buffer.from(String(req.headers["x-fermi-invoke"]), "base64url").toString());
      const { url, method, headers } = req;
      seen = { url, method, key: headers["x-signed"], invoke, body: body.toString("hex") };
      res.writeHead(204, { ...answered, "X-Fermi-Invocation": told }).end();
    });
    const asked = request({
      version: 3,
      method: "PUT",
      path: "/a?b=c",
      headers: [
        ["X-A", "1"],
        ["X-A", "2"],
      ],
    });
    await invoker.invoke(context(), { ...asked, body: Buffer.from([0, 255]) });
    const { body: _, ...invoke } = asked;
    const content = Buffer.from(JSON.stringify(invoke)).toString("base64url");
    expect(seen).toEqual({ url: "/-/invoke", method: "POST", key: `POST /-/invoke ${content}`, invoke, body: "00ff" });
  });

  it("gives the invocation and the function's answer", async () => {
    const headers = { "Content-Type": "text/plain", "Set-Cookie": ["a=1", "b=2"] };
    const invoker = await setUp(answer(201, "grüße", headers));
    const asked = request({ path: "/a?secret=1", body: "äb" });
    const { invocation, result } = await invoker.invoke(context(), asked);
    expect(invocation).toEqual(recorded);
    const { date: _date, ...rest } = result.headers;
    expect({ ...result, headers: rest }).toEqual({
      httpStatus: 201,
      headers: { "content-type": "text/plain", "set-cookie": ["a=1", "b=2"] },
      body: "grüße",
      base64: false,
    });
  });

  it("tells only how a call ended that nobody wants the answer of, however large that is", async () => {
    const invoker = await setUp(answer(201, Buffer.alloc(7 * 1024 * 1024)));
    expect(await invoker.call(context().signal, request())).toEqual(recorded);
  });

  it("gives a body that is no UTF-8 as base64", async () => {
    const invoker = await setUp(answer(200, Buffer.from([0xff, 0xfe, 0x00])));
    expect((await invoker.invoke(context(), request())).result).toMatchObject({ body: "//4A", base64: true });
  });

  it("takes the function's own failure for an answer", async () => {
    const invoker = await setUp(answer(500, "broken"));
    expect((await invoker.invoke(context(), request())).result).toMatchObject({ httpStatus: 500, body: "broken" });
  });

  it("rejects with the platform's code, message and advice", async () => {
    const body = JSON.stringify({ error: { code: "QUEUE_FULL", message: "Too many wait.", invocationId } });
    const invoker = await setUp(answer(429, body, { "X-Fermi-Error": "QUEUE_FULL", "Retry-After": "2" }));
    await expect(invoker.invoke(context(), request())).rejects.toMatchObject({
      code: "QUEUE_FULL",
      message: "Too many wait.",
      retryAfterSeconds: 2,
    });
  });

  it("does not blame the caller where the router does not trust this server", async () => {
    const body = JSON.stringify({ error: { code: "UNAUTHENTICATED", message: "Clocks differ.", invocationId } });
    const invoker = await setUp(answer(401, body, { "X-Fermi-Error": "UNAUTHENTICATED" }));
    await expect(invoker.invoke(context(), request())).rejects.toMatchObject({
      code: "INTERNAL",
      message: "The router does not trust this server. Clocks differ.",
    });
  });

  it.each(["no JSON", "null", '{"error":{"message":5}}'])(
    "makes sense of a platform failure that says %j",
    async (body) => {
      const invoker = await setUp(answer(500, body, { "X-Fermi-Error": "NEW_CODE" }));
      await expect(invoker.invoke(context(), request())).rejects.toMatchObject({
        code: "INTERNAL",
        message: "The invocation failed.",
      });
    },
  );

  it("takes no answer for a function's that the router does not vouch for", async () => {
    const invoker = await setUp((_, res) => void res.writeHead(404).end("not found"));
    await expect(invoker.invoke(context(), request())).rejects.toMatchObject({ code: "INTERNAL" });
  });

  it("refuses an answer beyond the bound, and hangs up", async () => {
    let isClosed = false;
    const invoker = await setUp(
      (_, res) => {
        res.on("close", () => (isClosed = true)).writeHead(200, answered);
        res.write("x".repeat(2 * 1024 * 1024));
      },
      { maxAnswerBytes: 1024 * 1024 },
    );
    await expect(invoker.invoke(context(), request())).rejects.toMatchObject({
      code: "BODY_TOO_LARGE",
      message: expect.stringContaining("larger than 1 MiB"),
    });
    await until(() => isClosed, "the connection to be closed");
  });

  it("says that the function crashed when its answer breaks off", async () => {
    const invoker = await setUp((_, res) => {
      res.writeHead(200, { ...answered, "Content-Length": 100 }).write("half");
      setImmediate(() => res.destroy());
    });
    await expect(invoker.invoke(context(), request())).rejects.toMatchObject({ code: "FUNCTION_CRASHED" });
  });

  it("says so when the router can't be reached", async () => {
    const invoker = new Invoker({ routerUrl: () => "http://127.0.0.1:1", sign, clock: systemClock });
    await expect(invoker.invoke(context(), request())).rejects.toMatchObject({
      code: "CLUSTER_UNAVAILABLE",
      message: expect.not.stringContaining("127.0.0.1"),
    });
  });

  describe("that can't reach the router", () => {
    type Lookup = (name: string, options: object, done: (error: Error | null, addresses: object[]) => void) => void;
    /** How a call of the router by its name ends, where names are looked up like this. */
    const failureOf = async (lookup: Lookup): Promise<AppError> => {
      const looking = jest.spyOn(dns, "lookup").mockImplementation(lookup as typeof dns.lookup);
      try {
        const invoker = new Invoker({ routerUrl: () => "http://fermi-router.test:1", sign, clock: systemClock });
        const failure: unknown = await invoker.invoke(context(), request()).catch((error: unknown) => error);
        expect(failure).toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
        return failure as AppError;
      } finally {
        looking.mockRestore();
      }
    };

    it("knows that nothing has run while names can't be looked up", async () => {
      const unknown = Object.assign(new Error("getaddrinfo EAI_AGAIN"), { code: "EAI_AGAIN", syscall: "getaddrinfo" });
      const failure = await failureOf((_name, _options, done) => done(unknown, []));
      expect([hasNotArrived(failure), mayHaveRun(failure)]).toEqual([true, false]);
    });

    it("knows that nothing has run where each of several addresses refuses", async () => {
      const addresses = ["127.0.0.1", "127.0.0.2"].map((address) => ({ address, family: 4 }));
      const failure = await failureOf((_name, _options, done) => done(null, addresses));
      expect(failure.cause).toMatchObject({ name: "AggregateError" });
      expect([hasNotArrived(failure), mayHaveRun(failure)]).toEqual([true, false]);
    });
  });

  it("does not know whether anything has run where the router closes the connection", async () => {
    const invoker = await setUp((req) => void req.socket.destroy());
    const failure: unknown = await invoker.invoke(context(), request()).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
    expect([hasNotArrived(failure), mayHaveRun(failure as AppError)]).toEqual([false, true]);
  });

  it("hangs up when its caller leaves, before and while the answer comes", async () => {
    for (const head of [false, true]) {
      const leaving = new AbortController();
      let isClosed = false;
      const invoker = await setUp((_, res) => {
        res.on("close", () => (isClosed = true));
        if (head) res.writeHead(200, answered).write("begin");
        setImmediate(() => leaving.abort(new Error("left")));
      });
      await expect(invoker.invoke(context(leaving.signal), request())).rejects.toThrow("left");
      await until(() => isClosed, "the connection to be closed");
      server?.close();
    }
  });

  describe("of whom an attempt is taken away", () => {
    const attempt = (invoker: Invoker, leaving: AbortController, onBegun = (): void => {}): Promise<unknown> =>
      invoker
        .attempt(leaving.signal, request({ invocationId }), 1024, onBegun)
        .catch((error: unknown) => (error instanceof AppError ? [error.code, mayHaveRun(error)] : error));
    const left = new Error("left");

    it("knows that it has not run where the router lets it go", async () => {
      const leaving = new AbortController();
      const invoker = await setUp(() => leaving.abort(left));
      expect(await attempt(invoker, leaving)).toEqual(["CLUSTER_UNAVAILABLE", false]);
    });

    it("knows that it has not run where there was no connection yet", async () => {
      const leaving = new AbortController();
      const leave = (): void => void setImmediate(() => leaving.abort(left));
      const looking = jest.spyOn(dns, "lookup").mockImplementation(leave);
      const invoker = new Invoker({ routerUrl: () => "http://fermi-router.test:1", sign, clock: new ManualClock() });
      const attempted = attempt(invoker, leaving).finally(() => looking.mockRestore());
      expect(await attempted).toEqual(["CLUSTER_UNAVAILABLE", false]);
    });

    it("does not know it where an instance has it, before or just as it is taken away", async () => {
      for (const isBefore of [true, false]) {
        const leaving = new AbortController();
        const invoker = await setUp((_, res) => {
          if (!isBefore) leaving.abort(left);
          res.writeProcessing();
        });
        expect(await attempt(invoker, leaving, () => leaving.abort(left))).toBe(left);
        server?.close();
      }
    });

    it("does not know it where the router does not say so in time", async () => {
      const clock = new ManualClock();
      const leaving = new AbortController();
      const deaf = net.createServer({ allowHalfOpen: true }, (socket) => {
        socket.once("data", () => leaving.abort(left)).once("end", () => clock.advance(2_000));
        socket.on("error", () => {}).on("close", () => socket.destroy());
      });
      await new Promise<void>((resolve) => deaf.listen(0, "127.0.0.1", resolve));
      const { port } = deaf.address() as AddressInfo;
      const invoker = new Invoker({ routerUrl: () => `http://127.0.0.1:${port}`, sign, clock });
      expect(await attempt(invoker, leaving)).toBe(left);
      deaf.close();
    });
  });

  it("does not begin for a caller who has left", async () => {
    let calls = 0;
    const invoker = await setUp(() => calls++);
    await expect(invoker.invoke(context(AbortSignal.abort(new Error("left"))), request())).rejects.toThrow("left");
    expect(calls).toBe(0);
  });

  it("waits for longer than any function may take, then gives up", async () => {
    const clock = new ManualClock();
    let isAsked = false;
    const invoker = await setUp(
      (_, res, body) => (body.length > 0 ? answer(200, "")(_, res, body) : (isAsked = true)),
      { clock },
    );
    await invoker.invoke(context(), request({ body: "quick" }));
    expect(clock.pending).toBe(0);
    const hanging = invoker.invoke(context(), request()).catch((error: unknown) => error);
    await until(() => isAsked, "the request");
    const [, longest] = settingLimits.timeoutSeconds;
    clock.advance(longest * 1_000);
    expect(clock.pending).toBe(1);
    clock.advance((longest / 2) * 1_000);
    const message = `The function's answer was not complete within ${1.5 * longest} s.`;
    expect(await hanging).toMatchObject({ code: "FUNCTION_TIMEOUT", message });
  });
});
