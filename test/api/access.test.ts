import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { WebSocket } from "ws";
import { ApiClient } from "../support/api-client.js";
import { ApiHarness } from "../support/api-harness.js";
import { sendRaw } from "../router/support/http-client.js";

const token = "correct-horse-battery-staple";
const WHO = "{ viewer { subject roles namespaces } }";
const json = { "content-type": "application/json" };
const body = JSON.stringify({ query: WHO });

interface Handshake {
  readonly status: number | undefined;
  readonly text: string;
}

/** What a WebSocket's opening request gets where it is refused; undefined where the socket opens. */
async function handshake(url: string, headers: Record<string, string>): Promise<Handshake | undefined> {
  const socket = new WebSocket(url, "graphql-transport-ws", { headers });
  const outcome = await new Promise<Handshake | undefined>((resolve, reject) => {
    socket.on("open", () => resolve(undefined));
    socket.on("error", reject);
    socket.on("unexpected-response", (_request, response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }));
    });
  });
  socket.on("error", () => {});
  socket.terminate();
  return outcome;
}

describe("access without a token", () => {
  let api: ApiHarness;
  beforeAll(async () => {
    api = await ApiHarness.start({ host: "127.0.0.1" });
  });
  afterAll(() => api.stop());

  it("makes whoever is on this machine the administrator", async () => {
    const viewer = { subject: "local", roles: ["admin"], namespaces: ["*"] };
    expect(await api.client.ok(WHO)).toEqual({ viewer });
    expect(await api.client.subscribe(WHO).take(1)).toEqual([{ viewer }]);
  });

  it.each(["localhost", "localhost:31313", "LOCALHOST", "127.0.0.1", "127.8.8.8:1", "[::1]:31313", "fermi.localhost"])(
    "answers under the name %s",
    async (host) => {
      const answer = await api.client.raw({ method: "POST", path: "/graphql", headers: { ...json, host } }, body);
      expect(answer.status).toBe(200);
      expect(await handshake(api.client.wsUrl, { host })).toBeUndefined();
    },
  );

  it.each(["evil.example.com", "localhost.evil.example.com", "127.0.0.1.evil.com", "localhost@evil.com", "10.0.0.1"])(
    "refuses whoever was led here by the name %s",
    async (host) => {
      for (const path of ["/graphql", "/", "/metrics", "/healthz"]) {
        const answer = await api.client.raw({ method: "POST", path, headers: { ...json, host } }, body);
        expect(answer.status).toBe(403);
        expect(JSON.parse(answer.text)).toMatchObject({ errors: [{ extensions: { code: "FORBIDDEN" } }] });
        expect(answer.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
      }
      expect(await handshake(api.client.wsUrl, { host })).toMatchObject({ status: 403 });
    },
  );

  it("opens WebSockets to pages of its own only", async () => {
    const host = `localhost:${api.port}`;
    expect(await handshake(api.client.wsUrl, { host, origin: `http://${host}` })).toBeUndefined();
    for (const origin of ["http://evil.example.com", "http://localhost:1", "null", "file://"]) {
      const refused = await handshake(api.client.wsUrl, { host, origin });
      expect(refused).toMatchObject({ status: 403, text: expect.stringContaining("Origin must match Host") });
    }
  });

  it("serves WebSockets at /graphql only", async () => {
    expect(await handshake(`ws://127.0.0.1:${api.port}/other`, {})).toMatchObject({ status: 404 });
  });

  it("answers a request that asks for another protocol as if it had not asked, in its turn", async () => {
    const h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n";
    const head = `Host: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    const asking = `POST /graphql HTTP/1.1\r\n${h2c}${head}\r\n${body}`;
    const plain = `POST /graphql HTTP/1.1\r\n${head}\r\n${body}`;
    const last = `GET /healthz HTTP/1.1\r\n${h2c.replace("Upgrade,", "Upgrade, close,")}Host: localhost\r\n\r\n`;
    const answer = await sendRaw(api.port, `${asking}${plain}${asking}${last}`);
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(Array<string>(4).fill("HTTP/1.1 200"));
    expect(answer.match(/"subject":"local"/g)).toHaveLength(3);
    expect(answer).toMatch(/\r\n\r\nok$/);
    const led = await sendRaw(
      api.port,
      `GET / HTTP/1.1\r\n${h2c.replace("Upgrade,", "Upgrade, close,")}Host: evil.com\r\n\r\n`,
    );
    expect(led).toMatch(/^HTTP\/1\.1 403 /);
  });

  it("gives health, metrics and the playground", async () => {
    for (const [path, text] of [
      ["/healthz", "ok"],
      ["/readyz", "ready"],
      ["/metrics", "metrics 1"],
      ["/", "<html>"],
    ]) {
      expect(await api.client.raw({ path })).toMatchObject({ status: 200, text });
    }
  });
});

describe("access with a token", () => {
  let api: ApiHarness;
  let stranger: ApiClient;
  beforeAll(async () => {
    api = await ApiHarness.start({ adminToken: token });
    stranger = new ApiClient(api.port);
  });
  afterAll(async () => {
    await stranger.close();
    await api.stop();
  });

  it("makes whoever has it the administrator, under any name", async () => {
    const viewer = { subject: "admin", roles: ["admin"], namespaces: ["*"] };
    expect(await api.client.ok(WHO)).toEqual({ viewer });
    expect(await api.client.subscribe(WHO).take(1)).toEqual([{ viewer }]);
    const headers = { ...json, host: "fermi.example.com", authorization: `bearer ${token}` };
    expect(await api.client.raw({ method: "POST", path: "/graphql", headers }, body)).toMatchObject({ status: 200 });
  });

  it("opens WebSockets also to pages under another name than that of Host, as behind a proxy that rewrites it", async () => {
    const headers = { host: "fermi-api:31313", origin: "https://fermi.example.com" };
    expect(await handshake(api.client.wsUrl, headers)).toBeUndefined();
  });

  it.each([
    ["nothing", {}],
    ["another token", { authorization: "Bearer correct-horse-battery-stapler" }],
    ["another scheme", { authorization: `Basic ${token}` }],
    ["an empty one", { authorization: "Bearer " }],
  ])("refuses over HTTP and WebSocket whoever brings %s", async (_what, credentials) => {
    for (const query of [WHO, "{ __schema { queryType { name } } }", `mutation { deleteTrigger(id: "x") { id } }`]) {
      const answer = await stranger.gql(query, undefined, credentials);
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
      expect(answer.errors).toMatchObject([{ extensions: { code: "UNAUTHENTICATED" } }]);
      expect(answer.data).toBeUndefined();
    }
    const client = stranger.socket(credentials);
    const closed = new Promise((resolve) => client.on("closed", resolve));
    client.subscribe({ query: WHO }, { next: () => {}, error: () => {}, complete: () => {} });
    expect(await closed).toMatchObject({ code: 4401, reason: expect.stringMatching(/^UNAUTHENTICATED: /) });
  });

  it("takes the token of a WebSocket in any case, as the playground sends it", async () => {
    const client = stranger.socket({ Authorization: `Bearer ${token}` });
    const connected = new Promise((resolve) => client.on("connected", resolve));
    client.subscribe({ query: WHO }, { next: () => {}, error: () => {}, complete: () => {} });
    await connected;
  });

  it("lets nobody run an operation before the socket is acknowledged", async () => {
    const socket = new WebSocket(stranger.wsUrl, "graphql-transport-ws");
    await once(socket, "open");
    socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query: WHO } }));
    const [code] = (await once(socket, "close")) as [number];
    expect(code).toBe(4401);
  });

  it("keeps no places of those who have it from those who have none", async () => {
    const few = await ApiHarness.start({ adminToken: token, socketLimits: { socketsMax: 1, newcomersMax: 2 } });
    const gone: Promise<unknown>[] = [];
    for (let i = 0; i < 4; i++) {
      const silent = new WebSocket(few.client.wsUrl, "graphql-transport-ws");
      gone.push(once(silent, "close"));
      await once(silent, "open");
    }
    expect(await few.client.subscribe(WHO).take(1)).toHaveLength(1);
    await Promise.all(gone.slice(0, 3));
    await few.stop();
  });

  it("takes little of who has not shown it", async () => {
    const socket = new WebSocket(stranger.wsUrl, "graphql-transport-ws");
    await once(socket, "open");
    socket.send("x".repeat(20 * 1024), { fin: false });
    const [code] = (await once(socket, "close")) as [number];
    expect(code).toBe(1006);
  });

  it("needs none for health, but one for metrics", async () => {
    expect(await stranger.raw({ path: "/healthz" })).toMatchObject({ status: 200 });
    expect(await stranger.raw({ path: "/metrics" })).toMatchObject({ status: 401 });
  });
});
