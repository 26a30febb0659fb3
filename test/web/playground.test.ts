import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import express from "express";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { contentSecurityPolicy, playground } from "../../src/app/playground.js";

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const browserAccept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const script = "console.log('a script that is long enough to be worth compressing');";

describe("Playground", () => {
  let server: Server;
  let folder: string;
  let port: number;

  /** Sends the path as it is given: `fetch` would tidy up what an attacker leaves in. */
  const get = (target: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: "127.0.0.1", port, path: target, method, headers }, (res) => {
        const chunks: Buffer[] = [];
        res.on("data", (chunk: Buffer) => chunks.push(chunk));
        res.on("end", () =>
          resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks) }),
        );
      });
      sent.on("error", reject).end();
    });

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "fermi-playground-"));
    const assets = path.join(folder, "dist", "assets");
    await mkdir(assets, { recursive: true });
    await writeFile(path.join(folder, "secret.txt"), "outside");
    await writeFile(path.join(folder, "dist", ".stamp"), "outside");
    await writeFile(path.join(folder, "dist", "index.html"), "<title>Fermi playground</title>");
    await writeFile(path.join(assets, "app-ABC.js"), script);
    await writeFile(path.join(assets, "app-ABC.js.gz"), gzipSync(script));
    await writeFile(path.join(assets, "font-ABC.ttf"), "font");
    await writeFile(path.join(assets, "style-ABC.css"), "body{}");
    await writeFile(path.join(assets, ".hidden"), "outside");
    const app = express();
    app.use("/empty", playground(path.join(folder, "nothing")));
    app.use(playground(path.join(folder, "dist")));
    server = app.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  });

  afterAll(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  describe("page", () => {
    it("is given to a browser, and looked for anew at each visit", async () => {
      const { status, headers, body } = await get("/", { accept: browserAccept });
      expect(status).toBe(200);
      expect(headers["content-type"]).toBe("text/html; charset=utf-8");
      expect(headers["cache-control"]).toBe("no-cache");
      expect(headers.vary).toBe("Accept");
      expect(body.toString()).toContain("<title>Fermi playground</title>");
      const again = await get("/", { accept: browserAccept, "if-none-match": String(headers.etag) });
      expect(again.status).toBe(304);
    });

    it("may load from its own origin only, and be framed by nobody", async () => {
      const { headers } = await get("/", { accept: browserAccept, host: "fermi.example:8080" });
      expect(headers["content-security-policy"]).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; worker-src 'self'; " +
          "connect-src 'self' ws://fermi.example:8080 wss://fermi.example:8080; img-src 'self' data:; " +
          "font-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
      );
      expect(headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
      });
    });

    it.each(["a.example; script-src *", "a.example,evil", "", "a b", "[::1", "a.example:x"])(
      "never takes %j from a Host header into its policy",
      (host) => expect(contentSecurityPolicy(host)).toContain("connect-src 'self'; "),
    );

    it("names the sockets of an IPv6 host", () =>
      expect(contentSecurityPolicy("[::1]:31313")).toContain("ws://[::1]:31313 wss://[::1]:31313;"));

    it.each(["*/*", "application/json", undefined])(
      "tells a client that accepts %s where the API is",
      async (accept) => {
        const { status, headers, body } = await get("/", accept === undefined ? {} : { accept });
        expect(status).toBe(200);
        expect(headers["content-type"]).toBe("application/json; charset=utf-8");
        expect(JSON.parse(body.toString())).toMatchObject({ name: "fermi", graphql: "/graphql" });
      },
    );

    it("tells it in plain text where that is asked for", async () => {
      const { headers, body } = await get("/", { accept: "text/plain" });
      expect(headers["content-type"]).toBe("text/plain; charset=utf-8");
      expect(body.toString()).toContain("/graphql");
    });

    it("says how to build it where it is not built", async () => {
      const { status, headers, body } = await get("/empty/", { accept: browserAccept });
      expect(status).toBe(503);
      expect(headers["content-security-policy"]).toContain("default-src 'none'");
      expect(body.toString()).toContain("npm --prefix web run build");
    });
  });

  describe("assets", () => {
    it.each([
      ["app-ABC.js", "text/javascript; charset=utf-8"],
      ["style-ABC.css", "text/css; charset=utf-8"],
      ["font-ABC.ttf", "font/ttf"],
    ])("has %s as %s, to be kept for ever", async (name, type) => {
      const { status, headers } = await get(`/assets/${name}`);
      expect(status).toBe(200);
      expect(headers["content-type"]).toBe(type);
      expect(headers["cache-control"]).toBe("public, max-age=31536000, immutable");
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["content-encoding"]).toBeUndefined();
      expect(headers.etag).toBeDefined();
    });

    it("are sent compressed to who takes that, of the same type", async () => {
      const { headers, body } = await get("/assets/app-ABC.js", { "accept-encoding": "gzip, br" });
      expect(headers["content-encoding"]).toBe("gzip");
      expect(headers["content-type"]).toBe("text/javascript; charset=utf-8");
      expect(headers.vary).toBe("Accept-Encoding");
      expect(gunzipSync(body).toString()).toBe(script);
    });

    it("are sent plain where there is no compressed one", async () => {
      const { status, headers, body } = await get("/assets/style-ABC.css", { "accept-encoding": "gzip" });
      expect(status).toBe(200);
      expect(headers["content-encoding"]).toBeUndefined();
      expect(headers["content-type"]).toBe("text/css; charset=utf-8");
      expect(body.toString()).toBe("body{}");
    });

    it("are told of without a body on HEAD", async () => {
      const { status, headers, body } = await get("/assets/style-ABC.css", {}, "HEAD");
      expect([status, headers["content-length"], body.length]).toEqual([200, "6", 0]);
    });

    it.each([
      "/assets/missing.js",
      "/assets/../index.html",
      "/assets/../.stamp",
      "/assets/../../secret.txt",
      "/assets/..%2f..%2fsecret.txt",
      "/assets/%2e%2e/%2e%2e/secret.txt",
      "/assets/..%5c..%5csecret.txt",
      "/assets/....//secret.txt",
      "/assets//etc/passwd",
      "/assets/.hidden",
      "/assets/%00app-ABC.js",
      "/assets/%",
      "/assets/app-ABC.js/",
      "/.stamp",
      "/index.html",
      "/secret.txt",
    ])("does not serve %s", async (target) => {
      const { status, headers, body } = await get(target);
      expect([400, 404]).toContain(status);
      expect(body.toString()).not.toContain("outside");
      expect(headers["cache-control"]).toBeUndefined();
    });
  });
});
