/** From an empty cluster to a function that answers: deploy/ as it stands, and the README's transcript. */
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { eventually, repository } from "../../support/harness.js";
import { readTranscript } from "../../e2e/transcript-steps.js";
import {
  apiUrl,
  applyOverlay,
  connectTo,
  demo,
  podsIn,
  readToken,
  rolledOut,
  roles,
  routerUrl,
  timed,
  uninstall,
} from "../support/installation.js";
import { describeOnCluster, kubectl } from "../support/kubectl.js";

const run = promisify(execFile);

describeOnCluster("an installation from deploy/", () => {
  let folder: string;
  let token: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "fermi-"));
    await timed("what was there before is gone", uninstall);
    await timed("kubectl apply of the demo", () => applyOverlay(demo));
    await timed("every role is ready", rolledOut);
    await timed("the API answers", connectTo);
    token = await readToken();
  }, 300_000);
  afterAll(() => rm(folder, { recursive: true }));

  async function shell(command: string): Promise<string> {
    const line = command
      .replace(/^fermi /, `"${process.execPath}" "${path.join(repository, "bin/fermi.js")}" `)
      .replace("http://localhost:31314", routerUrl);
    const env = { PATH: process.env["PATH"], HOME: folder, FERMI_SERVER: apiUrl, FERMI_TOKEN: token };
    const { stdout } = await run("/bin/sh", ["-c", line], { cwd: folder, env, timeout: 60_000 });
    return stdout;
  }

  it("works with the README's transcript, command after command", async () => {
    for (const { command, printed } of await readTranscript()) {
      const output = await timed(`$ ${command}`, () => shell(command));
      if (printed !== "") expect(output.trim()).toBe(printed);
    }
  }, 120_000);

  it("hands what a function publishes to the function that reads the topic", async () => {
    const fermi = await connectTo();
    const publisher = `module.exports = async () => {
      const headers = { authorization: "Bearer " + process.env.FERMI_TOKEN, "content-type": "application/json" };
      const url = process.env.FERMI_ROUTER_URL + "/-/topics/orders?key=k";
      return String((await fetch(url, { method: "POST", headers, body: '{"order":1}' })).status);
    };`;
    const reader = "module.exports = async ({ request }) => { console.log('got order', request.body.order); };";
    await fermi.ok(
      `mutation ($publisher: String!, $reader: String!) {
        publisher: createFunction(input: { name: "publisher", environment: "node", source: $publisher }) { id }
        reader: createFunction(input: { name: "reader", environment: "node", source: $reader }) { id }
        createQueueTrigger(input: { name: "on-orders", function: "reader", topic: "orders" }) { id }
      }`,
      { publisher, reader },
    );
    expect(await shell("fermi function invoke publisher")).toBe("201");
    await eventually(async () => expect(await shell("fermi function logs reader")).toContain("got order 1"), 30_000);
    const { triggers } = await fermi.ok<{ triggers: { nodes: unknown[] } }>(
      "{ triggers(kind: QUEUE) { nodes { status { condition reason } ... on QueueTrigger { backlog } } } }",
    );
    expect(triggers.nodes).toEqual([{ status: { condition: "READY", reason: null }, backlog: 0 }]);
  }, 60_000);

  it("calls functions by time, at events of the cluster, and asynchronously", async () => {
    const source = `module.exports = async ({ request: { headers } }) => {
      console.log("called by", headers["x-fermi-trigger"], headers["x-fermi-event"], headers["x-fermi-object-kind"]);
      return "told";
    };`;
    await writeFile(path.join(folder, "told.js"), source);
    await shell("fermi function create --name told --env node --code told.js");
    await shell("fermi timer create --name often --function told --cron '@every 2s'");
    const labels = "app.kubernetes.io/component=router";
    await shell(
      `fermi watch create --name routers --function told --kind Pod --watch-namespace fermi --labels ${labels}`,
    );
    await eventually(async () => {
      const lines = await shell("fermi function logs told");
      expect(lines).toContain("called by often");
      expect(lines).toContain("called by routers ADDED Pod");
    }, 30_000);

    const [id = ""] = /[0-9a-f-]{36}/.exec(await shell("fermi function invoke told --async")) ?? [];
    expect(await shell(`fermi invocation watch ${id}`)).toContain("SUCCEEDED");
    await shell("fermi route create --method POST --url /told --function told --mode async");
    const accepted = await eventually(async () => {
      const answer = await fetch(`${routerUrl}/told`, { method: "POST" });
      expect(answer.status).toBe(202);
      return answer;
    });
    const told = new URL(accepted.headers.get("location") ?? "", routerUrl);
    await eventually(async () => expect(await (await fetch(told)).text()).toContain("SUCCEEDED"));
    expect(await shell("fermi timer get often")).toContain("READY");
    expect(await shell("fermi watch get routers")).toContain("READY");
    await shell("fermi timer delete often");
    await shell("fermi watch delete routers");
  }, 90_000);

  it("tells of itself that all is well, and what it runs on", async () => {
    const fermi = await connectTo();
    // Each process tells of itself every few seconds, so what has only just become ready is known a moment later.
    const server = await eventually(async () => {
      const told = await fermi.ok<{
        server: { cluster: string; checks: { name: string; ok: boolean; message: string }[] };
      }>("{ server { cluster checks { name ok message } } }");
      expect(told.server.checks.filter(({ ok }) => !ok)).toEqual([]);
      return told.server;
    }, 20_000);
    expect(server.checks.length).toBeGreaterThan(10);
    expect(server.cluster).toMatch(/^Kubernetes v1\.\d+\.\d+\S*, \d+ nodes?$/);
    expect(await shell("fermi pool list")).toMatch(/^default +node /m);
  });

  it("demands the token of everybody, and knows it alone", async () => {
    const answer = await fetch(`${apiUrl}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: "{ server { version } }" }),
    });
    expect(answer.status).toBe(401);
    expect((await fetch(`${apiUrl}/metrics`)).status).toBe(401);
    expect(token).toMatch(/^[\w-]{43}$/);
  });

  it("keeps its secrets when it is applied again", async () => {
    await applyOverlay(demo);
    await kubectl(["rollout", "restart", "deployment/fermi-api", "--namespace=fermi"]);
    await rolledOut(["api"]);
    expect(await readToken()).toBe(token);
    await eventually(() => shell("fermi env list"));
  }, 120_000);

  it("runs without a restart of any container", async () => {
    const pods = await podsIn("fermi", "app.kubernetes.io/name=fermi");
    expect(pods.length).toBe(roles.length);
    const restarts = pods.flatMap(({ metadata, status }) =>
      (status.containerStatuses ?? []).map(({ restartCount }) => [
        metadata.labels["app.kubernetes.io/component"],
        restartCount,
      ]),
    );
    expect(restarts.filter(([, count]) => count !== 0)).toEqual([]);
  });

  it("gives every account what it needs, and nothing beyond", async () => {
    const can = async (account: string, verb: string, resource: string, namespace: string): Promise<boolean> => {
      const who = `--as=system:serviceaccount:fermi:fermi-${account}`;
      const said = await kubectl(["auth", "can-i", verb, resource, `--namespace=${namespace}`, who]).catch(String);
      return said.trim() === "yes";
    };
    expect(await can("poolmgr", "patch", "pods", "fermi-functions")).toBe(true);
    expect(await can("poolmgr", "create", "deployments.apps", "fermi-functions")).toBe(true);
    expect(await can("poolmgr", "update", "leases.coordination.k8s.io", "fermi")).toBe(true);
    expect(await can("api", "create", "secrets", "fermi")).toBe(true);
    expect(await can("api", "get", "secrets", "fermi")).toBe(false);
    expect(await can("poolmgr", "get", "secrets", "fermi")).toBe(false);
    expect(await can("poolmgr", "get", "secrets", "fermi-functions")).toBe(false);
    expect(await can("poolmgr", "create", "pods", "fermi")).toBe(false);
    expect(await can("router", "list", "pods", "fermi-functions")).toBe(false);
    expect(await can("triggers", "patch", "pods", "fermi-functions")).toBe(false);
  }, 60_000);
});
