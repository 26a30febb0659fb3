import { describe, expect, it } from "@jest/globals";
import { isImageReference } from "../../../src/model/image-reference.js";
import { parametersOf, pathShape, routePathProblem } from "../../../src/model/route-path.js";
import type { ComputeResources } from "../../../src/model/environment.js";
import { environmentFault, resourcesFault } from "../../../src/model/validate-environment.js";
import { functionFault, settingsFault, variablesFault } from "../../../src/model/validate-function.js";
import { isId, isLabel } from "../../../src/model/validate-name.js";
import { httpTriggerFault } from "../../../src/model/validate-trigger.js";
import { defaultRunSettings } from "../../../src/model/function.js";

describe("A name", () => {
  it.each(["a", "a1", "0", "a-b", "a--b", "x".repeat(63)])("may be %j", (name) => expect(isLabel(name)).toBe(true));
  it.each(["", "-a", "a-", "A", "a_b", "a.b", "ä", "a\n", "x".repeat(64), "a b"])("may not be %j", (name) =>
    expect(isLabel(name)).toBe(false),
  );
});

describe("An id", () => {
  it("is a UUID in any letter case", () => {
    expect(isId("01890a5d-ac96-774b-bcce-b302099a8057")).toBe(true);
    expect(isId("01890A5D-AC96-774B-BCCE-B302099A8057")).toBe(true);
    expect(isId("01890a5dac96774bbcceb302099a8057")).toBe(false);
    expect(isId(" 01890a5d-ac96-774b-bcce-b302099a8057\n")).toBe(false);
  });
});

describe("An image reference", () => {
  it.each([
    "node",
    "fermi/nodejs",
    "fermi/nodejs:latest",
    "registry.example.com:5000/team/sub/node:20.1-slim",
    "localhost/node",
    "localhost:5000/node",
    "ghcr.io/acme/a__b/c--d.e",
    `node@sha256:${"a".repeat(64)}`,
    `node:20@sha256:${"0".repeat(64)}`,
  ])("may be %s", (image) => expect(isImageReference(image)).toBe(true));

  it.each([
    "",
    "Fermi/nodejs",
    "fermi//nodejs",
    "/nodejs",
    "nodejs/",
    "nodejs:",
    "nodejs:la test",
    "nodejs@sha256:abc",
    "nodejs@latest",
    "a@b@c",
    "-node",
    "node:20:21",
    "https://example.com/node",
    "example.com:port/node",
    `${"a".repeat(512)}b`,
  ])("may not be %s", (image) => expect(isImageReference(image)).toBe(false));
});

describe("Compute resources", () => {
  const none = { cpuRequest: null, cpuLimit: null, memoryRequest: null, memoryLimit: null };
  const fault = (given: Partial<ComputeResources>, image = "example.com/go") =>
    resourcesFault({ image, resources: { ...none, ...given } });

  it("are quantities as Kubernetes has them", () => {
    for (const cpuLimit of ["250m", "1", "0.5", "1.25"]) expect(fault({ cpuLimit })).toBeUndefined();
    for (const memoryLimit of ["128Mi", "1Gi", "100000000", "1.5G", "64000k"]) {
      expect(fault({ memoryLimit })).toBeUndefined();
    }
    for (const cpuLimit of ["", "0", "0m", "-1", "1Gi", "1 ", ".5", "1e3"]) {
      expect(fault({ cpuLimit })?.field).toBe("resources.cpuLimit");
    }
    for (const memoryLimit of ["", "0Mi", "128mb", "Mi", "1m", "1Ki "]) {
      expect(fault({ memoryLimit })?.field).toBe("resources.memoryLimit");
    }
  });

  it.each([
    ["cpuRequest", "1m", "1024", "0.0001", "1025"],
    ["cpuLimit", "50m", "1024", "49m", "1024001m"],
    ["memoryRequest", "1Mi", "8Ti", "1023Ki", "9Ti"],
    ["memoryLimit", "16Mi", "8Ti", "1", "8193Gi"],
  ] as const)("have bounds, which the message tells: %s", (name, least, most, tooLittle, tooMuch) => {
    for (const text of [least, most]) expect(fault({ [name]: text })).toBeUndefined();
    for (const text of [tooLittle, tooMuch]) {
      const message = expect.stringContaining(`from ${least} to ${most}`);
      expect(fault({ [name]: text })).toEqual({ field: `resources.${name}`, message });
    }
  });

  it.each([
    ["fermi/nodejs", "95Mi", "96Mi"],
    ["registry.example.com:5000/fermi/nodejs:1", "64Mi", "96Mi"],
    ["fermi/python", "31Mi", "32Mi"],
  ])("are enough for the runtime: %s", (image, tooLittle, least) => {
    const message = expect.stringContaining(`at least ${least} with fermi/`);
    expect(fault({ memoryLimit: tooLittle }, image)).toEqual({ field: "resources.memoryLimit", message });
    expect(fault({ memoryLimit: least }, image)).toBeUndefined();
    expect(fault({ memoryLimit: null }, image)).toBeUndefined();
  });

  it("are not asked for above their limit", () => {
    expect(fault({ cpuRequest: "1", cpuLimit: "1000m" })).toBeUndefined();
    expect(fault({ cpuRequest: "1001m", cpuLimit: "1" })?.field).toBe("resources.cpuRequest");
    expect(fault({ memoryRequest: "1Gi", memoryLimit: "1024Mi" })).toBeUndefined();
    expect(fault({ memoryRequest: "1Gi", memoryLimit: "1G" })?.field).toBe("resources.memoryRequest");
  });
});

describe("An environment", () => {
  const name = { namespace: "default", name: "node" };
  it("is faultless where fields are absent or at their limits", () => {
    expect(environmentFault({ ...name, poolSize: null, image: undefined, resources: null })).toBeUndefined();
    expect(environmentFault({ ...name, poolSize: 0, gracePeriodSeconds: 3_600 })).toBeUndefined();
  });

  it.each([
    ["poolSize", { poolSize: -1 }],
    ["poolSize", { poolSize: 1.5 }],
    ["gracePeriodSeconds", { gracePeriodSeconds: Number.NaN }],
    ["contract", { contract: "FISSION" as never }],
    ["image", { image: "No Image", poolSize: -1 }],
  ])("names %s, the first fault", (field, change) => {
    expect(environmentFault({ ...name, ...change })?.field).toBe(field);
  });
});

describe("A function's source and entrypoint", () => {
  const fn = { namespace: "default", name: "hello" };
  it.each(["main", "_x", "$", "größe", "handler2", "函数", "my-module.main", "a.b.c", "x".repeat(128)])(
    "may have the entrypoint %s",
    (entrypoint) => expect(functionFault({ ...fn, entrypoint })).toBeUndefined(),
  );
  it.each(["", "2x", ".a", "a.", "a..b", "a/b", "../a", "a b", "-a", "main()", "a\n", "x".repeat(129)])(
    "not the entrypoint %j",
    (entrypoint) => expect(functionFault({ ...fn, entrypoint })?.field).toBe("entrypoint"),
  );

  it("are told by contract what an entrypoint may be", () => {
    const { message } = functionFault({ ...fn, entrypoint: "1a" }) ?? {};
    expect(message).toMatch(
      /^must be a name such as main \(for FISSION_V2 also module\.main\).*not beginning with a digit/,
    );
  });

  it("are measured in bytes and are text", () => {
    expect(functionFault({ ...fn, source: "é".repeat(131_072) })).toBeUndefined();
    expect(functionFault({ ...fn, source: `${"é".repeat(131_072)}a` })?.message).toContain("256 KiB");
    for (const source of ["", " \t\n", "a\0", "\ud800 alone"]) expect(functionFault({ ...fn, source })).toBeDefined();
    expect(functionFault({ ...fn, source: "a pair: 😀" })).toBeUndefined();
  });
});

describe("Variables", () => {
  const named = (...names: string[]) => names.map((name) => ({ name, value: "x" }));
  it("have names as POSIX has them, each once", () => {
    expect(variablesFault(named("A", "a", "_1", "PORTS", "XFERMI_", "x".repeat(128)))).toBeUndefined();
    for (const name of ["", "1", "A-B", "A=B", "Ä", "A ", "PORT", "FERMI_", "FERMI_KEY", "x".repeat(129)]) {
      expect(variablesFault(named("OK", name))?.field).toBe("variables.1.name");
    }
    expect(variablesFault(named("A", "B", "A"))?.field).toBe("variables.2.name");
  });

  it("are bounded one by one and together", () => {
    const many = (count: number, length: number) =>
      Array.from({ length: count }, (_, index) => ({ name: `V${index}`, value: "x".repeat(length) }));
    expect(variablesFault(many(100, 2_000))).toBeUndefined();
    expect(variablesFault(many(101, 1))?.field).toBe("variables");
    expect(variablesFault(many(1, 32_768))).toBeUndefined();
    expect(variablesFault(many(1, 32_769))?.field).toBe("variables.0.value");
    expect(variablesFault(many(9, 32_000))?.message).toContain("together");
  });
});

describe("Settings", () => {
  it("are whole numbers within their limits", () => {
    expect(settingsFault(defaultRunSettings)).toBeUndefined();
    for (const name of Object.keys(defaultRunSettings)) {
      for (const value of [-1, 0.5, 86_401, Number.NaN]) {
        expect(settingsFault({ ...defaultRunSettings, [name]: value })?.field).toBe(`settings.${name}`);
      }
    }
  });
});

describe("A route's path", () => {
  it.each(["/", "/a", "/a/", "/a/b.c/~d", "/users/{id}", "/{a}/{b}/*", "/*", "/a%2Fb", "/-x", "/a:b@c"])(
    "may be %s",
    (path) => expect(httpTriggerFault({ path })).toBeUndefined(),
  );
  it.each([
    ["", "begin with '/'"],
    ["a", "begin with '/'"],
    ["//", "no empty segment"],
    ["/a//b", "no empty segment"],
    ["/a b", "URL characters only"],
    ["/a?b", "without '?'"],
    ["/a#b", "without '?'"],
    ["/{id", "whole segments"],
    ["/x{id}", "whole segments"],
    ["/{1}", "name parameters with"],
    ["/{a}/{a}", "each parameter once"],
    ["/*/a", "'*' only as its last segment"],
    ["/a*", "'*' only as its last segment"],
    ["/a/../b", "'.' or '..'"],
    ["/.", "'.' or '..'"],
    ["/%zz", "two hexadecimal digits"],
    ["/ä", "URL characters only"],
    ["/-", "Fermi's own"],
    ["/-/x", "Fermi's own"],
    [`/${"a".repeat(1_024)}`, "at most 1024"],
  ])("may not be %j, and says what is wrong", (path, message) =>
    expect(httpTriggerFault({ path })).toEqual({ field: "path", message: expect.stringContaining(message) }),
  );

  it("has the shape of another where both match the same requests", () => {
    expect(pathShape("/a/{id}/*")).toBe(pathShape("/a/{name}/*"));
    expect(pathShape("/a%2fb")).toBe(pathShape("/a%2Fb"));
    for (const other of ["/a/id/*", "/a/{id}", "/a/{id}/"]) expect(pathShape("/a/{id}/*")).not.toBe(pathShape(other));
    expect(parametersOf("/a/{id}/b/{name}/*")).toEqual(["id", "name"]);
    expect(routePathProblem("/{__proto__}")).toBeUndefined();
  });
});

describe("A route's host, methods and CORS", () => {
  const cors = { allowOrigins: ["*"], allowCredentials: false, maxAgeSeconds: 0 };
  it("are faultless as they should be", () => {
    for (const host of ["localhost", "a.b-c.example.com", "127.0.0.1"]) {
      expect(httpTriggerFault({ host })).toBeUndefined();
    }
    expect(httpTriggerFault({ methods: ["GET", "HEAD", "OPTIONS"], cors })).toBeUndefined();
    const allowOrigins = ["http://localhost:3000", "https://app.example.com"];
    const headers = { allowHeaders: ["X-A", "content-type"], exposeHeaders: ["ETag"], allowMethods: [] };
    expect(httpTriggerFault({ cors: { ...cors, ...headers, allowOrigins, allowCredentials: true } })).toBeUndefined();
  });

  it.each([
    ["host", { host: "" }],
    ["host", { host: "a..b" }],
    ["host", { host: "*.example.com" }],
    ["host", { host: "EXAMPLE.com" }],
    ["host", { host: `${"a.".repeat(127)}aa` }],
    ["methods", { methods: ["GET", "GET"] }],
    ["methods", { methods: ["TRACE"] }],
    ["function", { function: "-" }],
    ["cors.allowOrigins", { cors: { ...cors, allowOrigins: [] } }],
    ["cors.allowOrigins", { cors: { ...cors, allowOrigins: ["*", "https://a.example"] } }],
    ["cors.allowOrigins", { cors: { ...cors, allowOrigins: ["https://a.example/"] } }],
    ["cors.allowOrigins", { cors: { ...cors, allowOrigins: ["ftp://a.example"] } }],
    ["cors.allowCredentials", { cors: { ...cors, allowCredentials: true } }],
    ["cors.allowMethods", { cors: { ...cors, allowMethods: ["FETCH"] } }],
    ["cors.allowHeaders", { cors: { ...cors, allowHeaders: ["a b"] } }],
    ["cors.exposeHeaders", { cors: { ...cors, exposeHeaders: ["a:"] } }],
    ["cors.maxAgeSeconds", { cors: { ...cors, maxAgeSeconds: 86_401 } }],
  ])("names %s where it is not", (field, change) => expect(httpTriggerFault(change)?.field).toBe(field));
});
