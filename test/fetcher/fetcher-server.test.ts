import http from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Fetcher } from "../../src/fetcher/fetcher.js";
import { FetcherServer } from "../../src/fetcher/fetcher-server.js";
import { FetcherSigner, FetcherVerifier } from "../../src/fetcher/signature.js";
import { systemClock } from "../../src/lib/clock.js";
import type { Logger } from "../../src/lib/logger.js";
import { anOrder, FakeImage, idOf } from "./fake-image.js";

const secret = "the secret of this installation, of 32 characters";
const signer = new FetcherSigner(secret);
const instance = "pool-abc-1";

let image: FakeImage;
let server: FetcherServer;
let port: number;
let logged: string;

beforeEach(async () => {
  image = new FakeImage();
  await image.listen();
  logged = "";
  const keep = (fields: object, message: string): void => void (logged += JSON.stringify(fields) + message);
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep };
  const fetcher = new Fetcher({
    contract: "FISSION_V1",
    image: image.address,
    folder: image.folder,
    clock: systemClock,
  });
  const verifier = new FetcherVerifier(signer.publicKey, instance);
  server = new FetcherServer({ fetcher, verifier, logger, clock: systemClock, host: "127.0.0.1", port: 0 });
  port = await server.start();
});
afterEach(async () => {
  await server.stop();
  await image.stop();
});

interface Answer {
  readonly status: number;
  readonly body: { readonly error?: string; readonly state?: string };
}

function ask(method: string, path: string, body = "", headers: http.OutgoingHttpHeaders = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = http.request({ agent: false, port, host: "127.0.0.1", method, path, headers }, (res) => {
      let text = "";
      res.on("data", (chunk: Buffer) => (text += chunk.toString()));
      res.on("end", () => resolve({ status: res.statusCode ?? 0, body: JSON.parse(text) as Answer["body"] }));
    });
    req.on("error", reject);
    req.end(body);
  });
}

const specialize = (body: string, signature?: string): Promise<Answer> =>
  ask("POST", "/specialize", body, signature === undefined ? {} : { "x-fermi-signature": signature });

describe("The fetcher's server", () => {
  it("takes what the pool manager signed, and says what it is", async () => {
    expect(await ask("GET", "/-/state")).toEqual({ status: 200, body: { state: "generic" } });
    const order = anOrder("module.exports = 1");
    expect(await specialize(order, signer.sign(instance, order))).toEqual({ status: 200, body: {} });
    const state = { state: "specialized", functionId: idOf(order), version: 3 };
    expect(await ask("GET", "/-/state")).toEqual({ status: 200, body: state });
  });

  it("takes a request once", async () => {
    const order = anOrder("x");
    const signature = signer.sign(instance, order);
    expect((await specialize(order, signature)).status).toBe(200);
    expect((await specialize(order, signature)).status).toBe(409);
    expect(image.requests).toHaveLength(1);
  });

  it("refuses who did not sign, or signed with another secret, for another instance or another body", async () => {
    const order = anOrder("x");
    const signatures = [
      undefined,
      "",
      "rubbish",
      "A".repeat(86),
      new FetcherSigner(`${secret}!`).sign(instance, order),
      signer.sign("pool-abc-2", order),
      signer.sign(instance, `${order} `),
    ];
    for (const signature of signatures) expect((await specialize(order, signature)).status).toBe(401);
    expect(image.requests).toEqual([]);
    expect(await ask("GET", "/-/state")).toMatchObject({ body: { state: "generic" } });
  });

  it("refuses a body that is too large, announced or not", async () => {
    const body = "x".repeat(1_600 * 1024 + 1);
    const signature = signer.sign(instance, body);
    expect((await specialize(body, signature)).status).toBe(413);
    const headers = { "x-fermi-signature": signature, "transfer-encoding": "chunked" };
    expect((await ask("POST", "/specialize", body, headers)).status).toBe(413);
  });

  it("takes the largest source there may be, however JSON writes it", async () => {
    const order = anOrder("\u0001".repeat(256 * 1024));
    expect((await specialize(order, signer.sign(instance, order))).status).toBe(200);
  });

  it("tells why code does not load", async () => {
    image.answer = (res) => void res.writeHead(500).end("SyntaxError: line 3");
    const order = anOrder("x");
    expect(await specialize(order, signer.sign(instance, order))).toEqual({
      status: 422,
      body: { error: "The image answered 500 to POST /specialize: SyntaxError: line 3" },
    });
  });

  it("blames the code where the image's server breaks off", async () => {
    image.answer = (res) => void res.destroy();
    const order = anOrder("x");
    const answer = await specialize(order, signer.sign(instance, order));
    expect(answer).toMatchObject({ status: 422, body: { error: expect.stringContaining("broke off") } });
  });

  it("is ready when the image takes connections, and alive before", async () => {
    expect((await ask("GET", "/-/readyz")).status).toBe(200);
    await image.close();
    expect((await ask("GET", "/-/readyz")).status).toBe(503);
    expect((await ask("GET", "/-/state")).status).toBe(503);
    expect((await ask("GET", "/-/healthz")).status).toBe(200);
    await image.listen();
    expect(await ask("GET", "/-/state")).toEqual({ status: 200, body: { state: "generic" } });
  });

  it("knows nothing else, but for what Fission's image for Node reports", async () => {
    for (const [method, path] of [
      ["GET", "/"],
      ["GET", "/specialize"],
      ["PUT", "/specialize"],
      ["POST", "/specialize?x=1"],
      ["GET", "/-/state/../../etc/passwd"],
    ] as const) {
      expect((await ask(method, path, "x")).status).toBe(404);
    }
    expect((await ask("GET", "/wsevent/start")).status).toBe(200);
    expect((await ask("GET", "/wsevent/end")).status).toBe(200);
  });

  it("logs who was refused, and neither code nor signature", async () => {
    const order = anOrder("const password = 'hunter2'");
    await specialize(order, signer.sign("another", order));
    await specialize(order, signer.sign(instance, order));
    expect(logged).toContain("refused");
    for (const text of ["hunter2", secret, signer.sign("another", order)]) expect(logged).not.toContain(text);
  });
});

describe("A fetcher's signer", () => {
  it("has the same key wherever the secret is the same, and gives away nothing of it", () => {
    expect(new FetcherSigner(secret).publicKey).toBe(signer.publicKey);
    expect(new FetcherSigner(`${secret} `).publicKey).not.toBe(signer.publicKey);
    expect(signer.publicKey).toMatch(/^[\w-]{43}$/);
  });
});
