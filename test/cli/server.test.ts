import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, it } from "@jest/globals";
import { environmentNode, functionNode, logNode, page } from "./fake-api.js";
import { fermi, runFermi, throws } from "./run-fermi.js";
import { selfSigned } from "./self-signed.js";

interface Listening {
  readonly server?: Server;
  readonly scheme?: "http" | "https";
  readonly line?: string;
}

/** Runs `fermi env list` against a server that is no Fermi. */
async function listAt(answer: RequestListener, given: Listening = {}) {
  const { server = createServer(), scheme = "http", line = "env list" } = given;
  server.on("request", answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { url, ...(await runFermi(line.split(" "), { server: url })) };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("The server's address", () => {
  it("is told with what to do where nothing answers", async () => {
    const server = `http://localhost:${await closedPort()}`;
    expect(await runFermi(["env", "list"], { server })).toEqual({
      exitCode: 3,
      stdout: "",
      stderr: `fermi: no server at ${server}; start one with \`npm start\` or pass --server`,
    });
  });

  it("is told the same way where a live answer was asked for", async () => {
    const server = `http://127.0.0.1:${await closedPort()}`;
    const ran = await runFermi(["function", "logs", "hi", "-f"], { server });
    expect(ran).toMatchObject({ exitCode: 3, stderr: expect.stringContaining(`no server at ${server}`) });
  });

  it.each<[string, RequestListener]>([
    ["HTML", (_, res) => res.end("<html></html>")],
    ["other JSON", (_, res) => res.writeHead(404).end(`{"message":"no"}`)],
  ])("is told to be wrong where %s answers", async (_, answer) => {
    const { exitCode, stderr, url } = await listAt(answer);
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: expect.stringContaining(`${url} answers, but is no`) });
  });

  it.each<[string, RequestListener]>([
    ["before an answer", (req) => req.socket.destroy()],
    ["in the middle of one", (req, res) => res.writeHead(200).write("{", () => req.socket.resetAndDestroy())],
  ])("is told where the connection breaks off %s", async (_, answer) => {
    const { url, exitCode, stderr } = await listAt(answer);
    const message = `fermi: the connection to ${url} was lost before the answer was there; what was asked for may have been done`;
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: message });
  });

  it("is told to be that of a gateway where nothing stands behind it, or of what sends on", async () => {
    const away = await listAt((_, res) => res.writeHead(503).end("<html></html>"));
    expect([away.exitCode, away.stderr]).toEqual([
      3,
      `fermi: what answers at ${away.url} has no API behind it now (HTTP 503); try again in a moment`,
    ]);
    const moved = await listAt((_, res) => res.writeHead(308, { location: "https://fermi.example/" }).end());
    expect([moved.exitCode, moved.stderr]).toEqual([3, expect.stringContaining("sends on to https://fermi.example/")]);
  });

  it("is told where its certificate is not trusted, or it has none", async () => {
    const server = createTlsServer(selfSigned) as unknown as Server;
    const untrusted = await listAt((_, res) => res.end(), { server, scheme: "https" });
    expect([untrusted.exitCode, untrusted.stderr]).toEqual([
      3,
      `fermi: the certificate of ${untrusted.url} is not trusted: self-signed certificate; pass --server with the name that it is for, or its authority's file in NODE_EXTRA_CA_CERTS`,
    ]);
    const plain = await listAt((_, res) => res.end(), { scheme: "https" });
    expect([plain.exitCode, plain.stderr]).toEqual([3, `fermi: ${plain.url} speaks no TLS; is its address http://…?`]);
  });

  it("has no user and password, which are not shown either", async () => {
    const ran = await runFermi(["env", "list"], { server: "http://me:secret@127.0.0.1:1" });
    expect(ran).toEqual({ exitCode: 2, stdout: "", stderr: expect.stringContaining("--server takes no user") });
    expect(ran.stderr).not.toContain("secret");
  });

  it.each(["localhost:31313", "ftp://localhost", "nonsense"])("is refused when it is none: %s", async (server) => {
    expect(await runFermi(["env", "list"], { server })).toMatchObject({ exitCode: 2 });
  });

  it("may be given with the path of the API", async () => {
    const fields = { environments: (args: never) => page([], args) };
    const { exitCode, api } = await fermi("env list", fields);
    expect(exitCode).toBe(0);
    expect(api.requests).toHaveLength(1);
    const again = await fermi(["env", "list", "--server", "http://127.0.0.1:1/graphql/"], fields);
    expect(again.stderr).toContain("no server at http://127.0.0.1:1;");
  });
});

describe("A live answer", () => {
  const quiet = {
    function: { id: "f1" },
    logs: { nodes: [], pageInfo: { hasPreviousPage: false, startCursor: null } },
  };

  /** Follows logs at a server that answers so to whoever asks for a WebSocket. */
  const followAt = (head: string, body: string) => {
    const server = createServer().on("upgrade", (_req, socket: Socket) => {
      socket.end(`HTTP/1.1 ${head}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
    });
    const answer = JSON.stringify({ data: quiet });
    return listAt((_, res) => res.end(answer), { server, line: "function logs hi -f" });
  };

  it("is refused in the server's words", async () => {
    const message = "Too many WebSockets are open.";
    const body = JSON.stringify({ errors: [{ message, extensions: { code: "RATE_LIMITED" } }] });
    const { exitCode, stderr } = await followAt("429 Too Many Requests", body);
    expect([exitCode, stderr]).toEqual([1, "fermi: Too many WebSockets are open"]);
  });

  it("is not there where what stands before the server passes none on", async () => {
    const refused = await followAt("400 Bad Request", "no");
    expect([refused.exitCode, refused.stderr]).toEqual([
      3,
      `fermi: ${refused.url} opens no WebSocket (HTTP 400); does a proxy before it pass them on?`,
    ]);
    const away = await followAt("503 Service Unavailable", "");
    expect([away.exitCode, away.stderr]).toEqual([3, expect.stringContaining("has no API behind it now (HTTP 503)")]);
  });

  it("ends with 3 where its connection is lost", async () => {
    const api: { cut?: () => void } = {};
    const logs = ({ tail }: { tail?: number }) => (tail === undefined ? quiet.logs : lines());
    const lines = async function* () {
      yield { logs: logNode(1) };
      await new Promise(() => {});
    };
    const { exitCode, stdout, stderr } = await fermi(
      "function logs hi -f",
      { function: () => functionNode(), logs },
      { onApi: ({ cutSockets }) => (api.cut = cutSockets), onWrite: () => api.cut?.() },
    );
    expect(stdout).toContain("line 1");
    expect([exitCode, stderr]).toEqual([
      3,
      expect.stringMatching(/the connection to .* was lost; run the command again$/),
    ]);
  });
});

describe("A token", () => {
  it("goes along as a bearer token, and only where there is one", async () => {
    const fields = { environment: () => environmentNode() };
    const with_ = await fermi("env get node --token secret-of-the-server", fields);
    expect(with_.api.requests[0]?.authorization).toBe("Bearer secret-of-the-server");
    const without = await fermi("env get node", fields);
    expect(without.api.requests[0]?.authorization).toBeUndefined();
  });

  it("is asked for where the server demands one", async () => {
    const { exitCode, stderr } = await fermi("env get node", { environment: throws("UNAUTHENTICATED", "Sign in.") });
    expect(exitCode).toBe(1);
    expect(stderr).toBe("fermi: Sign in; pass --token or set FERMI_TOKEN to the server's admin token");
  });

  it("is offered where a server without one answers its own addresses only", async () => {
    const message = "Without FERMI_ADMIN_TOKEN this server answers requests to localhost only.";
    const { exitCode, stderr } = await fermi("env get node", { environment: throws("FORBIDDEN", message) });
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      "fermi: Without FERMI_ADMIN_TOKEN this server answers requests to localhost only; pass such an address with --server, or give the server a FERMI_ADMIN_TOKEN and pass it with --token",
    );
  });

  it("is never shown by --help", async () => {
    const { stdout } = await runFermi(["env", "list", "--help"], { token: "secret-of-the-server" });
    expect(stdout).toContain("--token");
    expect(stdout).not.toContain("secret-of-the-server");
  });
});

describe("A refusal", () => {
  it("without a code of ours is passed on as it is", async () => {
    const { exitCode, stderr } = await fermi("env get node", { environment: throws("SOMETHING_ELSE", "Odd.") });
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "fermi: Odd" });
  });

  it("is one line, however the server breaks it", async () => {
    const { stderr } = await fermi("env get node", { environment: throws("STORE_UNAVAILABLE", "Away.\n  Really.") });
    expect(stderr).toBe("fermi: Away. Really; the server's database is away; try again in a moment");
  });
});
