import { describe, expect, it } from "@jest/globals";
import { page, routeNode } from "./fake-api.js";
import { fermi, throws } from "./run-fermi.js";

const uuid = "019a0000-0000-7000-8000-000000000000";

describe("fermi route", () => {
  it("creates a route and prints its address", async () => {
    const line = "httptrigger create --method get,post --url /hi --function hi --host a.example --cors-origin *";
    const { stdout, input } = await fermi(line, { createHttpTrigger: () => routeNode() });
    expect(stdout).toBe("route hi created: GET http://127.0.0.1:31314/hi\n");
    expect(input).toEqual({
      namespace: "default",
      methods: ["GET", "POST"],
      path: "/hi",
      function: "hi",
      host: "a.example",
      cors: { allowOrigins: ["*"] },
    });
  });

  it("says how to create the function that is missing", async () => {
    const { stderr } = await fermi("route create --url /hi --function hi", {
      createHttpTrigger: throws("NOT_FOUND", "there is no function hi", "function"),
    });
    expect(stderr).toContain("create it with `fermi function create --name hi --env … --code …`");
  });

  it("finds by name, or by id, what it changes", async () => {
    const fields = {
      triggers: (args: never) => page([routeNode({ id: "r0", name: "ho" }), routeNode()], args),
      updateHttpTrigger: () => routeNode(),
      setTriggerEnabled: () => routeNode({ enabled: false }),
      deleteTrigger: () => routeNode(),
      trigger: () => routeNode({ id: uuid, namespace: "shop", name: "ho" }),
    };
    const updated = await fermi("route update hi --no-host --no-cors", fields);
    expect(updated.input).toEqual({ id: "r1", host: null, cors: null });
    const disabled = await fermi("route disable hi", fields);
    expect(disabled.api.requests.at(-1)?.variables).toEqual({ id: "r1", enabled: false });
    expect(disabled.stdout).toBe("route hi disabled\n");
    const deleted = await fermi(`route delete ${uuid}`, fields);
    expect(deleted.api.requests.at(-1)?.variables).toEqual({ id: uuid });
    expect(deleted.stdout).toBe("route ho deleted\n");
  });

  it("keeps what a change of the CORS policy leaves out, and refuses it where the route has changed meanwhile", async () => {
    const cors = {
      ...{ allowOrigins: ["https://a"], allowMethods: ["PUT"], allowHeaders: ["X-A"], exposeHeaders: ["X-B"] },
      ...{ allowCredentials: true, maxAgeSeconds: 5 },
    };
    const fields = {
      triggers: (args: never) => page([routeNode({ revision: 7, cors })], args),
      updateHttpTrigger: () => routeNode(),
    };
    const origin = await fermi("route update hi --cors-origin https://b", fields);
    expect(origin.input).toEqual({ id: "r1", expectedRevision: 7, cors: { ...cors, allowOrigins: ["https://b"] } });
    const rest = "--no-cors-credentials --no-cors-header --no-cors-method --no-cors-expose --cors-max-age 9";
    const without = await fermi(`route update hi ${rest}`, fields);
    const none = { allowCredentials: false, allowHeaders: [], allowMethods: [], exposeHeaders: [], maxAgeSeconds: 9 };
    expect(without.input).toEqual({ id: "r1", expectedRevision: 7, cors: { allowOrigins: ["https://a"], ...none } });
    const url = await fermi("route update hi --url /ho", fields);
    expect(url.input).toEqual({ id: "r1", path: "/ho" });
  });

  it("says that there was nothing to change, and names flags for fields", async () => {
    const triggers = (args: never) => page([routeNode()], args);
    const same = await fermi("route update hi --url /hi", { triggers, updateHttpTrigger: () => routeNode() });
    expect(same.stdout).toBe("nothing to change: route hi is so already: GET http://127.0.0.1:31314/hi\n");
    const message = "path must begin with '/', each name once.";
    const wrong = await fermi("route update hi --url hi", {
      triggers,
      updateHttpTrigger: throws("BAD_USER_INPUT", message, "path"),
    });
    expect(wrong.stderr).toBe("fermi: --url must begin with '/', each name once");
  });

  it.each([
    ["delete", "route delete gone", 1, "no route gone in namespace default"],
    ["get without a name", "route get", 2, "a name is missing"],
    ["update without a change", "route update hi", 2, "nothing to change"],
    ["CORS without an origin", "route create --url /a --function f --cors-max-age 3", 2, "--cors-origin is missing"],
    [
      "CORS and none",
      "route update r --no-cors --cors-origin https://a.b",
      2,
      "--no-cors and another --cors flag can't both",
    ],
    [
      "cookies and none",
      "route update r --cors-credentials --no-cors-credentials",
      2,
      "--cors-credentials and --no-cors-credentials can't both",
    ],
    ["a host and none", "route update r --no-host --host a.b", 2, "--host and --no-host can't both be meant"],
    ["no path", "route create --function f", 2, "--url is missing"],
    ["no function", "route create --url /a", 2, "--function is missing"],
  ])("refuses: %s", async (_, line, code, message) => {
    const { exitCode, stderr } = await fermi(line, { triggers: (args: never) => page([], args) });
    expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: expect.stringContaining(message) });
  });
});
