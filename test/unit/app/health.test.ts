import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "@jest/globals";
import { guarded } from "../../../src/app/health.js";

describe("metrics", () => {
  let server: http.Server;
  afterEach(() => void server.close());

  async function statusOf(adminToken: string | null, headers: http.OutgoingHttpHeaders): Promise<number | undefined> {
    const handler = guarded({ adminToken, host: "fermi.example.com" }, (_req, res) => void res.end("page"));
    server = http.createServer(handler).listen(0, "127.0.0.1");
    await once(server, "listening");
    const request = http.get({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, headers });
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    response.resume();
    return response.statusCode;
  }

  it.each([
    ["localhost:31314", 200],
    ["127.0.0.1", 200],
    ["fermi.example.com", 200],
    ["a-tunnel.example.net", 403],
  ])("without a token are told under a name of this machine's only: %s", async (host, status) => {
    expect(await statusOf(null, { host })).toBe(status);
  });

  it.each([
    [{}, 401],
    [{ authorization: "Bearer correct-horse-battery" }, 200],
  ])("with a token are told to who brings it, under any name: %j", async (headers, status) => {
    expect(await statusOf("correct-horse-battery", { host: "a-tunnel.example.net", ...headers })).toBe(status);
  });
});
