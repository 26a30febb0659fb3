import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { eventually, startFermi, type Fermi } from "../support/harness.js";
import { deploy, update } from "./support.js";

const answer = (text: string): string =>
  `module.exports = async () => ({ status: 200, body: ${JSON.stringify(text)} });`;

interface InvocationRow {
  status: string;
  httpStatus: number;
  coldStart: boolean;
  functionVersion: number;
  error: string | null;
}

describe("a function, from source to answer", () => {
  let fermi: Fermi;
  beforeAll(async () => {
    fermi = await startFermi({ env: { FERMI_MAX_BODY_MIB: "65" } });
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
  });

  const invocationsOf = async (name: string): Promise<InvocationRow[]> => {
    const { invocations } = await fermi.ok<{ invocations: { nodes: InvocationRow[] } }>(
      `query($name: String!) { invocations(filter: {function: $name}) { nodes { status httpStatus coldStart functionVersion error } } }`,
      { name },
    );
    return invocations.nodes;
  };

  it("answers, is recorded cold and then warm, and counted exactly", async () => {
    const url = await deploy(fermi, "counted", answer("hi"));
    for (let call = 0; call < 3; call++) expect(await (await fetch(url)).text()).toBe("hi");
    await eventually(async () => {
      const rows = await invocationsOf("counted");
      expect(rows.map(({ status, coldStart }) => [status, coldStart])).toEqual([
        ["SUCCEEDED", false],
        ["SUCCEEDED", false],
        ["SUCCEEDED", true],
      ]);
    });
    const { function: fn } = await fermi.ok<{ function: { stats: object } }>(
      `{ function(name: "counted") { stats { total failed coldStarts } } }`,
    );
    expect(fn.stats).toEqual({ total: 3, failed: 0, coldStarts: 1 });
  });

  it("gets a body whole that is as large as the router takes", async () => {
    const url = await deploy(fermi, "weighs", "module.exports = async ({ request }) => String(request.body.length)");
    const body = Buffer.alloc(64 * 1024 * 1024 + 1);
    expect(await (await fetch(url, { method: "POST", body })).text()).toBe(String(body.length));
  });

  it("has every change in force when it answers", async () => {
    await deploy(fermi, "inforce", answer("1"));
    for (let version = 2; version <= 12; version++) {
      await update(fermi, "inforce", answer(String(version)));
      const { invokeFunction } = await fermi.ok<{ invokeFunction: { result: { body: string } } }>(
        `mutation { invokeFunction(input: {function: "inforce"}) { result { body } } }`,
      );
      expect(invokeFunction.result.body).toBe(String(version));
      const path = `/inforce-${version}`;
      const route = `mutation($path: String!) { createHttpTrigger(input: {function: "inforce", path: $path}) { id } }`;
      await fermi.ok(route, { path });
      expect(await (await fetch(`${fermi.routerUrl}${path}`)).text()).toBe(String(version));
    }
  });

  it("serves 100 first requests at once with at most ceil(100 / requestsPerInstance) instances", async () => {
    const source = `module.exports = async () => { await new Promise((done) => setTimeout(done, 50)); return { status: 200, body: "ok" }; };`;
    const url = await deploy(fermi, "burst", source, { requestsPerInstance: 10 });
    const statuses = await Promise.all(Array.from({ length: 100 }, async () => (await fetch(url)).status));
    expect(statuses).toEqual(Array<number>(100).fill(200));
    const { function: fn } = await fermi.ok<{ function: { instances: unknown[] } }>(
      `{ function(name: "burst") { instances { id } } }`,
    );
    expect(fn.instances.length).toBeGreaterThan(0);
    expect(fn.instances.length).toBeLessThanOrEqual(10);
  });

  it("gives new requests the new version within a second, while old ones finish on the old", async () => {
    const slow = `module.exports = async () => { await new Promise((done) => setTimeout(done, 2500)); return { status: 200, body: "old" }; };`;
    const url = await deploy(fermi, "updated", slow, { requestsPerInstance: 10 });
    const old = fetch(url).then((response) => response.text());
    await eventually(async () => {
      const { function: fn } = await fermi.ok<{ function: { instances: { inFlight: number }[] } }>(
        `{ function(name: "updated") { instances { inFlight } } }`,
      );
      expect(fn.instances[0]?.inFlight).toBe(1);
    });
    await update(fermi, "updated", answer("new"));
    await eventually(async () => {
      const response = await fetch(url, { signal: AbortSignal.timeout(900) });
      expect(await response.text()).toBe("new");
    }, 1_000);
    expect(await old).toBe("old");
  });

  it("goes back to an earlier version", async () => {
    const url = await deploy(fermi, "rolled", answer("one"));
    await update(fermi, "rolled", answer("two"));
    await eventually(async () => expect(await (await fetch(url)).text()).toBe("two"));
    await fermi.ok(`mutation { rollbackFunction(name: "rolled", toVersion: 1) { id } }`);
    await eventually(async () => expect(await (await fetch(url)).text()).toBe("one"));
  });

  it("tells every caller at once why code does not load, and tries the next version afresh", async () => {
    const url = await deploy(fermi, "broken", `const a = 1;\nmodule.exports = function ( {`);
    const answers = await Promise.all(Array.from({ length: 10 }, () => fetch(url)));
    for (const response of answers) {
      expect([response.status, response.headers.get("x-fermi-error")]).toEqual([502, "LOAD_FAILED"]);
      const { error } = (await response.json()) as { error: { message: string } };
      expect(error.message).toMatch(/SyntaxError/);
      expect(error.message).toMatch(/:2/);
    }
    await update(fermi, "broken", answer("mended"));
    await eventually(async () => expect(await (await fetch(url)).text()).toBe("mended"));
    await eventually(async () => {
      const { logs } = await fermi.ok<{ logs: { nodes: { message: string }[] } }>(
        `{ logs(filter: {function: "broken"}, last: 50) { nodes { message } } }`,
      );
      expect(logs.nodes.map(({ message }) => message).join("\n")).toMatch(/SyntaxError/);
    });
  });

  it("stops serving a deleted function", async () => {
    const url = await deploy(fermi, "deleted", answer("still here"));
    expect((await fetch(url)).status).toBe(200);
    await fermi.ok(`mutation { deleteFunction(name: "deleted", deleteTriggers: true) { id } }`);
    await eventually(
      async () => expect((await fetch(url)).headers.get("x-fermi-error")).toBe("ROUTE_NOT_FOUND"),
      1_000,
    );
  });

  it("harms only itself when it exits, hangs, throws from a timer or forks", async () => {
    const neighbour = await deploy(fermi, "neighbour", answer("fine"));
    const hostile = {
      exits: [`module.exports = () => process.exit(3);`, 502, "FUNCTION_CRASHED"],
      hangs: [`module.exports = () => { for (;;); };`, 504, "FUNCTION_TIMEOUT"],
      throws: [
        `module.exports = (context, callback) => { setTimeout(() => { throw new Error("late"); }, 5); };`,
        // The invocation whose timer it was gets the reason; the instance is replaced.
        500,
        null,
      ],
    } as const;
    for (const [name, [source, status, code]] of Object.entries(hostile)) {
      const url = await deploy(fermi, name, source, { timeoutSeconds: 2 });
      const response = await fetch(url);
      expect([name, response.status, response.headers.get("x-fermi-error")]).toEqual([name, status, code]);
      expect(await (await fetch(neighbour)).text()).toBe("fine");
    }
    const forked = await deploy(
      fermi,
      "forks",
      `module.exports = async () => { require("node:child_process").spawn("sleep", ["300"], { detached: true }); return { status: 200, body: "forked" }; };`,
    );
    expect(await (await fetch(forked)).text()).toBe("forked");
  }, 60_000);

  it("runs through GraphQL and hands back the result", async () => {
    await deploy(
      fermi,
      "echo",
      `module.exports = async (context) => ({ status: 201, body: { got: context.request.body } });`,
    );
    const { invokeFunction } = await fermi.ok<{
      invokeFunction: { status: string; result: { httpStatus: number; body: string } };
    }>(
      `mutation { invokeFunction(input: {function: "echo", body: "text", headers: [{name: "content-type", value: "text/plain"}]}) { status result { httpStatus body } } }`,
    );
    expect(invokeFunction.status).toBe("SUCCEEDED");
    expect(invokeFunction.result.httpStatus).toBe(201);
    expect(JSON.parse(invokeFunction.result.body)).toEqual({ got: "text" });
  });

  it("tells its caller of the invocation what its record says, field by field", async () => {
    await deploy(fermi, "told", `module.exports = async () => ({ status: 503, body: "x".repeat(100_000) });`);
    const fields = `id functionVersion source trigger { id } status method path httpStatus error coldStart durationMs waitMs
      attempts requestBytes responseBytes instance acceptedAt finishedAt function { name }`;
    const { invokeFunction: told } = await fermi.ok<{ invokeFunction: { id: string } }>(
      `mutation { invokeFunction(input: {function: "told", path: "/a?b", body: "text"}) { ${fields} } }`,
    );
    await eventually(async () => {
      const { invocation } = await fermi.ok(`query($id: ID!) { invocation(id: $id) { ${fields} } }`, { id: told.id });
      expect(invocation).toEqual(told);
    });
  });

  it("shows what it prints live, in order, tied to the invocation", async () => {
    const url = await deploy(
      fermi,
      "printer",
      `let n = 0; module.exports = async () => { n += 1; console.log("line " + n); return { status: 200, body: String(n) }; };`,
    );
    await fetch(url);
    const client = createClient({ url: `${fermi.apiUrl.replace("http", "ws")}/graphql`, webSocketImpl: WebSocket });
    const lines = client.iterate<{ logs: { message: string; invocationId: string } }>({
      query: `subscription { logs(filter: {function: "printer", stream: STDOUT}, tail: 10) { message invocationId } }`,
    });
    const ids: (string | null)[] = [];
    const next = async (): Promise<{ message: string; invocationId: string } | undefined> => {
      const { value } = (await lines.next()) as {
        value: { data?: { logs: { message: string; invocationId: string } } };
      };
      return value.data?.logs;
    };
    for (let n = 1; n <= 5; n++) {
      if (n > 1) ids.push((await fetch(url)).headers.get("x-fermi-invocation-id"));
      const line = await next();
      expect(line?.message).toBe(`line ${n}`);
      if (n > 1) expect(line?.invocationId).toBe(ids.at(-1));
    }
    await client.dispose();
  });

  it("shows invocations, instances and durations as metrics", async () => {
    const url = await deploy(fermi, "metered", answer("hi"));
    for (let call = 0; call < 3; call++) expect((await fetch(url)).status).toBe(200);
    const text = await (await fetch(`${fermi.apiUrl}/metrics`)).text();
    expect(text).toMatch(/^fermi_invocations_total\{[^}]*function="metered"[^}]*\} 3$/m);
    expect(text).toMatch(/^fermi_instances\{/m);
  });

  it("says that all is well", async () => {
    const { server } = await fermi.ok<{ server: { checks: { name: string; ok: boolean; message: string }[] } }>(
      "{ server { checks { name ok message } } }",
    );
    expect(server.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(server.checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["store", "instances", "invocation records", "log lines"]),
    );
  });
});
