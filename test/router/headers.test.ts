/** Which headers reach the function, and which the client. */
import type http from "node:http";
import { afterEach, describe, expect, it } from "@jest/globals";
import { logTag } from "../../src/lib/log-tag.js";
import { ask, sendRaw } from "./support/http-client.js";
import { aFunction, aPolicy, aTrigger } from "./support/route-builders.js";
import { Stage, type StageOptions } from "./support/router-stage.js";

const uuid = /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[\da-f]{4}-[\da-f]{12}$/;

describe("Router: headers", () => {
  let stage: Stage;
  let req: http.IncomingMessage;
  let answerHeaders: http.OutgoingHttpHeaders = {};

  async function start(options: StageOptions = {}, grant = {}): Promise<void> {
    stage = await Stage.start(options);
    await stage.serve((incoming, res) => {
      req = incoming;
      res.writeHead(200, answerHeaders);
      res.end("ok");
    }, grant);
  }
  afterEach(async () => {
    answerHeaders = {};
    await stage.stop();
  });

  it("tell the function its invocation, key, name, version, trigger and parameters", async () => {
    await start(
      {
        functions: [aFunction("hello", { currentVersionNumber: 7 })],
        triggers: [aTrigger("/users/{user}/posts/{post}", { name: "posts" })],
      },
      { version: 7, key: "secret" },
    );
    const answer = await ask(stage.port, "/users/J%C3%BCrgen/posts/a%20b?x=1");
    const id = String(answer.headers["x-fermi-invocation-id"]);
    expect(id).toMatch(uuid);
    expect(req.headers).toMatchObject({
      "x-fermi-invocation-id": id,
      "x-fermi-key": "secret",
      "x-fermi-log-tag": logTag("secret", id),
      "x-fermi-function": "hello",
      "x-fermi-function-version": "7",
      "x-fermi-trigger": "posts",
      "x-fermi-param-user": "J%C3%BCrgen",
      "x-fermi-param-post": "a b",
      traceparent: `00-${id.replaceAll("-", "")}-${id.replaceAll("-", "").slice(16)}-01`,
      host: `127.0.0.1:${stage.port}`,
    });
    expect(req.url).toBe("/users/J%C3%BCrgen/posts/a%20b?x=1");
  });

  it("of Fermi, Fission and proxies are not the client's to set, whichever way they are spelled", async () => {
    await start();
    const forged = [
      "X-Fermi-Key",
      "X_Fermi_Key",
      "x-fermi-param-id",
      "X-Fission-Params-Id",
      "X_Fission-Function-Name",
      "X-Forwarded-User",
      "X_Forwarded_For",
      "X-Real-IP",
      "X_Real_IP",
      "Proxy_Authorization",
      "Content_Length",
      "Forwarded",
    ];
    await ask(stage.port, "/", { headers: Object.fromEntries(forged.map((name) => [name, "forged"])) });
    expect(JSON.stringify(req.rawHeaders)).not.toContain("forged");
    expect(req.headers["x-forwarded-for"]).toBe("127.0.0.1");
  });

  it("of the connection, and those it names, end at the router in both directions", async () => {
    await start();
    answerHeaders = {
      connection: "keep-alive, x-hop",
      "x-hop": "1",
      "keep-alive": "timeout=5",
      "proxy-connection": "x",
      "x-stays": "1",
      upgrade: "h2c",
    };
    const answer = await ask(stage.port, "/", {
      headers: {
        connection: "keep-alive, X-Named",
        "x-named": "1",
        te: "trailers",
        "keep-alive": "300",
        "proxy-authorization": "x",
        "proxy-connection": "keep-alive",
        "x-kept": "1",
        upgrade: "foo",
      },
    });
    expect(req.headers).toMatchObject({ "x-kept": "1", connection: "keep-alive" });
    for (const name of ["x-named", "te", "keep-alive", "proxy-authorization", "proxy-connection", "upgrade"])
      expect(req.headers).not.toHaveProperty(name);
    expect(answer.headers).toMatchObject({ "x-stays": "1" });
    for (const name of ["x-hop", "proxy-connection", "upgrade"]) expect(answer.headers).not.toHaveProperty(name);
  });

  it("may be named in Connection without harm to framing or Host", async () => {
    await start();
    const answer = await sendRaw(
      stage.port,
      "POST / HTTP/1.1\r\nHost: x\r\nConnection: close, host, content-length\r\nContent-Length: 2\r\n\r\nhi",
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(req.headers).toMatchObject({ host: "x", "content-length": "2" });
  });

  it("say who called, anew for a peer that is not trusted", async () => {
    await start();
    await ask(stage.port, "/", {
      headers: {
        host: "shop.example:8080",
        "x-forwarded-for": "6.6.6.6",
        "x-forwarded-proto": "https",
        forwarded: "for=6.6.6.6",
      },
    });
    expect(req.headers).toMatchObject({
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": "shop.example:8080",
      "x-forwarded-port": "8080",
      forwarded: 'for=127.0.0.1;host="shop.example:8080";proto=http',
    });
  });

  it("of a trusted proxy are kept and added to", async () => {
    await start({ trustedProxies: ["127.0.0.0/8"] });
    await ask(stage.port, "/", {
      headers: {
        "x-forwarded-for": "1.2.3.4",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "shop.example",
        "x-forwarded-port": "443",
      },
    });
    expect(req.headers).toMatchObject({
      "x-forwarded-for": "1.2.3.4, 127.0.0.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "shop.example",
      "x-forwarded-port": "443",
    });
  });

  it("of a trusted proxy are kept also where the router makes none itself, but in no other spelling", async () => {
    await start({ trustedProxies: ["127.0.0.0/8"] });
    const told = { "x-forwarded-prefix": "/shop", "x-forwarded-user": "anna", "x-real-ip": "1.2.3.4" };
    const others = { x_forwarded_user: "eve", "x-forwarded_user": "eve", x_real_ip: "6.6.6.6" };
    await ask(stage.port, "/", {
      headers: { ...told, ...others, "x-forwarded-hop": "1", connection: "x-forwarded-hop" },
    });
    expect(req.headers).toMatchObject(told);
    for (const name of [...Object.keys(others), "x-forwarded-hop"]) expect(req.headers).not.toHaveProperty(name);
    await stage.stop();
    await start();
    await ask(stage.port, "/", { headers: { ...told, ...others } });
    for (const name of [...Object.keys(told), ...Object.keys(others)]) expect(req.headers).not.toHaveProperty(name);
  });

  it.each([
    [{ "x-forwarded-proto": "https" }, "443"],
    [{ "x-forwarded-proto": "https, http", "x-forwarded-host": "shop.example:8443, inner:80" }, "8443"],
    [{ "x-forwarded-proto": "https", "x-forwarded-host": "shop.example", host: "router:8888" }, "443"],
    [{ "x-forwarded-host": "shop.example" }, "80"],
    [{ "x-forwarded-proto": "https", "x-forwarded-port": "8444" }, "8444"],
  ])("of a trusted proxy that says no port (%j) have that of its host or protocol", async (headers, port) => {
    await start({ trustedProxies: ["127.0.0.0/8"] });
    await ask(stage.port, "/", { headers: { host: "shop.example", ...headers } });
    expect(req.headers["x-forwarded-port"]).toBe(port);
  });

  it("carry the caller's trace on where it is one", async () => {
    await start();
    const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await ask(stage.port, "/", { headers: { traceparent: trace, tracestate: "a=b" } });
    expect(req.headers).toMatchObject({ traceparent: trace, tracestate: "a=b" });
    await ask(stage.port, "/", { headers: { traceparent: "00-rubbish" } });
    expect(req.headers["traceparent"]).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-01$/);
  });

  it("of Fermi in a function's answer are dropped, so that nobody speaks in its name", async () => {
    await start();
    answerHeaders = { "X-Fermi-Error": "FAKE", "X-Fermi-Invocation-Id": "fake", "X-Fermi-Busy": "1" };
    const answer = await ask(stage.port, "/");
    expect(answer.headers["x-fermi-error"]).toBeUndefined();
    expect(answer.headers["x-fermi-invocation-id"]).toMatch(uuid);
    expect(answer.headers["x-fermi-busy"]).toBeUndefined();
  });

  it("and the path are Fission's for a Fission image", async () => {
    await start(
      {
        functions: [aFunction("hello", { contract: "FISSION_V2" })],
        triggers: [aTrigger("/x/{id}"), aTrigger("/tree/*")],
      },
      { contract: "FISSION_V2" },
    );
    const answer = await ask(stage.port, "/x/5?q=1");
    const id = answer.headers["x-fermi-invocation-id"];
    expect(req.url).toBe("/?q=1");
    expect(req.headers).toMatchObject({
      "x-fission-function-name": "hello",
      "x-fission-function-namespace": "default",
      "x-fission-function-uid": "id-of-hello",
      "x-fission-full-url": "/x/5?q=1",
      "x-fission-params-id": "5",
      "x-fission-request-id": id,
      "x-fermi-invocation-id": id,
      "x-fermi-function": "hello",
    });
    await ask(stage.port, "/tree/a//b%2F?q=1");
    expect(req.url).toBe("/a//b%2F?q=1");
    await ask(stage.port, "/tree");
    expect(req.url).toBe("/");
  });

  it("hand nothing secret to a Fission image, whose user code sees them all", async () => {
    await start(
      { functions: [aFunction("hello", { contract: "FISSION_V1" })] },
      { contract: "FISSION_V1", key: "k-1" },
    );
    await ask(stage.port, "/");
    expect(req.headers).not.toHaveProperty("x-fermi-key");
    expect(req.headers).not.toHaveProperty("x-fermi-log-tag");
    expect(JSON.stringify(req.rawHeaders)).not.toContain("k-1");
  });

  it("of CORS are the policy's, on answers, on errors and on preflights", async () => {
    await start({
      triggers: [aTrigger("/c", { methods: ["GET", "PUT"], cors: aPolicy({ exposeHeaders: ["X-Total"] }) })],
    });
    answerHeaders = { "access-control-allow-origin": "*" };
    const origin = "https://app.example";
    const answer = await ask(stage.port, "/c", { headers: { origin } });
    expect(answer.rawHeaders.filter((text) => /^access-control/i.test(text))).toHaveLength(2);
    expect(answer.headers).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-expose-headers": "X-Total",
      vary: "Origin",
    });
    const preflight = await ask(stage.port, "/c", {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "PUT" },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "GET, PUT",
      "access-control-max-age": "600",
    });
    const refused = await ask(stage.port, "/c", { method: "DELETE", headers: { origin } });
    expect(refused).toMatchObject({
      status: 405,
      headers: { allow: "GET, HEAD, PUT", "access-control-allow-origin": origin, vary: "Origin" },
    });
    const elsewhere = await ask(stage.port, "/c", { method: "DELETE", headers: { origin: "https://evil.example" } });
    expect(elsewhere.headers).not.toHaveProperty("access-control-allow-origin");
    stage.poolmgr.gone("instance-1");
    const failing = ask(stage.port, "/c", { headers: { origin } });
    const { target } = await new Promise<{ target: { functionId: string; version: number } }>(
      (resolve) => (stage.poolmgr.onDemand = resolve),
    );
    stage.poolmgr.refuse(target, { code: "LOAD_FAILED", message: "SyntaxError in line 3" });
    expect(await failing).toMatchObject({
      status: 502,
      headers: { "access-control-allow-origin": origin, "x-fermi-error": "LOAD_FAILED" },
    });
  });
});
