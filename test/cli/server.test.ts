import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "@jest/globals";
import { environmentNode, page } from "./fake-api.js";
import { fermi, runFermi, throws } from "./run-fermi.js";

/** Runs `fermi env list` against a server that is no Fermi. */
async function listAt(answer: RequestListener) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { url, ...(await runFermi(["env", "list"], { server: url })) };
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

  it("is told where the connection breaks off", async () => {
    const { exitCode, stderr } = await listAt((req) => req.socket.destroy());
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: expect.stringContaining("no server at") });
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
