/** `/-/topics/<topic>`: functions publish, and have a token for it that is renewed. */
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FunctionTokens, tokenLifetimeMs, tokenRenewedAfterMs } from "../../src/auth/function-token.js";
import { AppError } from "../../src/errors/app-error.js";
import { systemClock, type Clock } from "../../src/lib/clock.js";
import type { NewTopicMessage } from "../../src/model/topic-message.js";
import { TopicService } from "../../src/services/topic.service.js";
import { ask, errorCode, type Ask } from "./support/http-client.js";
import { Stage } from "./support/router-stage.js";

const mebibyte = 1024 * 1024;

describe("Router: publishing to topics", () => {
  let stage: Stage;
  let published: NewTopicMessage[];
  let failure: AppError | undefined;
  let laterMs: number;
  const clock: Clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + laterMs) };
  let tokens: FunctionTokens;
  beforeEach(async () => {
    [published, failure, laterMs] = [[], undefined, 0];
    tokens = new FunctionTokens("the secret of this installation", clock);
    const topics = new TopicService({
      publish: async (message) => {
        if (failure !== undefined) throw failure;
        published.push(message);
        return { id: message.id, deliveries: 2, unreached: ["in-nats"] };
      },
    });
    stage = await Stage.start({ publishing: { tokens, topics } });
  });
  afterEach(() => stage.stop());

  const token = (namespace = "default"): string => tokens.issue({ functionId: "id-of-hello", namespace }).token;
  const publish = (path: string, request: Ask = {}) =>
    ask(stage.port, path, {
      method: "POST",
      body: "a message",
      ...request,
      headers: { authorization: `Bearer ${token()}`, ...(request.headers as object) },
    });

  it("stores the content with its headers, in the namespace of the token, and answers with what became of it", async () => {
    const headers = { "content-type": "text/plain", "x-own": "1", "x-fermi-message-key": "k%C3%BC", cookie: "no" };
    const answer = await publish("/-/topics/orders.new", { headers });
    expect(answer.status).toBe(201);
    const { id, ...told } = JSON.parse(answer.body) as { id: string };
    expect(told).toEqual({ deliveries: 2, unreached: ["in-nats"] });
    expect(published).toEqual([
      {
        ...{ id, namespace: "default", topic: "orders.new", key: "kü", body: Buffer.from("a message") },
        headers: { "content-type": "text/plain", "x-own": "1" },
      },
    ]);
  });

  it("takes the key from the query as well, and no key for none", async () => {
    await publish("/-/topics/orders?key=a%20b");
    await publish("/-/topics/orders");
    expect(published.map(({ key }) => key)).toEqual(["a b", null]);
  });

  it.each([
    ["no token", "/-/topics/orders", { headers: { authorization: "" } }, 401, "UNAUTHENTICATED"],
    ["a token of nobody", "/-/topics/orders", { headers: { authorization: "Bearer a.b" } }, 401, "UNAUTHENTICATED"],
    ["another namespace", "/-/topics/orders?namespace=other", {}, 403, "FORBIDDEN"],
    ["a topic that can't be", "/-/topics/a%20b", {}, 400, "BAD_USER_INPUT"],
    ["a name that is no text", "/-/topics/%ff", {}, 400, "BAD_REQUEST"],
    ["a key that can't be", "/-/topics/orders?key=%00", {}, 400, "BAD_USER_INPUT"],
    ["another method", "/-/topics/orders", { method: "GET", body: undefined }, 405, "METHOD_NOT_ALLOWED"],
    ["too large a body", "/-/topics/orders", { body: "x".repeat(mebibyte + 1) }, 413, "BODY_TOO_LARGE"],
  ])("refuses %s", async (_what, path, request, status, code) => {
    const answer = await publish(path, request);
    expect([answer.status, errorCode(answer)]).toEqual([status, code]);
    expect(published).toEqual([]);
  });

  it("refuses a token that has expired", async () => {
    const authorization = `Bearer ${token()}`;
    laterMs = tokenLifetimeMs;
    const answer = await publish("/-/topics/orders", { headers: { authorization } });
    expect([answer.status, errorCode(answer)]).toEqual([401, "UNAUTHENTICATED"]);
    expect(answer.body).toContain("expired");
  });

  it("says so where the message could not be stored", async () => {
    failure = new AppError("STORE_UNAVAILABLE", "The store can't be reached at the moment. Try again.");
    const answer = await publish("/-/topics/orders");
    expect([answer.status, errorCode(answer), answer.headers["retry-after"]]).toEqual([503, "STORE_UNAVAILABLE", "1"]);
  });

  it("takes a mebibyte", async () => {
    expect((await publish("/-/topics/orders", { body: "x".repeat(mebibyte) })).status).toBe(201);
  });

  it("gives an instance the token once, and a new one when it is renewed", async () => {
    const seen: unknown[] = [];
    await stage.serve((req, res) => {
      seen.push(req.headers["x-fermi-token"]);
      res.end();
    });
    const first = token();
    const call = () => ask(stage.port, "/", { headers: { "x-fermi-token": "forged" } });
    await call();
    await call();
    laterMs = tokenRenewedAfterMs;
    await call();
    const second = token();
    await call();
    expect(second).not.toBe(first);
    expect(seen).toEqual([first, undefined, second, undefined]);
  });

  it("gives no token to an image that shows user code every header", async () => {
    const seen: unknown[] = [];
    await stage.serve(
      (req, res) => {
        seen.push(req.headers["x-fermi-token"]);
        res.end();
      },
      { contract: "FISSION_V2" },
    );
    await ask(stage.port, "/");
    expect(seen).toEqual([undefined]);
  });
});
