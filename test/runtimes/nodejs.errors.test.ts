import { describe, expect, it } from "@jest/globals";
import type { SpecializeRequest } from "../../src/cluster/cluster-driver.js";
import { nodejs, RuntimeProcess, type Answer, type CallOptions } from "./runtime-process.js";
import { untilTestEnds } from "./until-test-ends.js";

const keep = untilTestEnds();

async function serve(source: string, change: Partial<SpecializeRequest> = {}): Promise<RuntimeProcess> {
  return keep(await RuntimeProcess.serving(nodejs, source, change));
}

async function answerOf(source: string, options: CallOptions = {}): Promise<Answer> {
  return (await serve(source)).call(options);
}

async function loadError(
  source: string,
  change: Partial<SpecializeRequest> = {},
): Promise<{ error: string; stack: string }> {
  const runtime = keep(await RuntimeProcess.start(nodejs));
  const answer = await runtime.specialize(source, change);
  expect(answer.status).toBe(422);
  return JSON.parse(answer.body) as { error: string; stack: string };
}

const reasonOf = ({ status, body }: Answer): string => {
  expect(status).toBe(500);
  return (JSON.parse(body) as { error: string }).error;
};

describe("Errors of user code in Node", () => {
  it("name the user's file and line, and no folder of the platform", async () => {
    const runtime = await serve("module.exports = async () => {\n  const user = undefined;\n  return user.name;\n}");
    await runtime.call();
    const { m } = await runtime.logged("function.cjs:3");
    expect(m).not.toContain(runtime.home);
    expect(runtime.logs.map((line) => line.m).join("\n")).not.toContain("environments/nodejs");
  });

  it("name the line in ES modules too, whatever went wrong", async () => {
    expect((await loadError("export default 1;\n\nconst x = ;\n")).error).toMatch(
      /^SyntaxError: .*\(function\.mjs:3\)$/,
    );
    expect(
      (await loadError("import fs from 'node:fs';\nimport { nope } from 'node:fs';\nexport default fs")).error,
    ).toContain("function.mjs:2");
    expect((await loadError("import a from 'node:fs';\nimport b from 'left-pad';\nexport default b")).error).toMatch(
      /left-pad.*function\.mjs:2/,
    );
    expect((await loadError("const a = 1;\nrequire('left-pad');")).error).toMatch(/left-pad.*function\.cjs:2/);
    expect((await loadError("export default 1;\nawait Promise.reject(new RangeError('far'));")).error).toBe(
      "RangeError: far (function.mjs:2)",
    );
    expect((await loadError("throw 'a string'")).error).toContain("'a string'");
  });

  it("tell what is wrong with code that declares names of CommonJS, and show it as Node does", async () => {
    expect((await loadError("const a = 1;\nconst module = {};")).error).toBe(
      "SyntaxError: Identifier 'module' has already been declared (function.cjs:2)",
    );
    expect((await loadError("const module = {};\nconst b = ;")).error).toMatch(
      /^SyntaxError: Unexp.*\(function\.cjs:2\)$/,
    );
    const { stack } = await loadError("const __dirname = import.meta.dirname;\nconst b = ;");
    expect(stack).toBe("function.mjs:2\nconst b = ;\n          ^\n\nSyntaxError: Unexpected token ';'");
  });

  it("say what was exported instead of a function", async () => {
    expect((await loadError("module.exports = 5")).error).toContain("what it exports is of type number");
    expect((await loadError("export default 5")).error).toContain("of type number");
    expect((await loadError("const a = 1")).error).toContain("exports nothing");
    expect((await loadError("export default {}", { entrypoint: "toString" })).error).not.toContain("[object");
  });

  it.each([
    ["a number as answer", "async () => 5", "body"],
    ["a circular object", "async () => { const a = {}; a.a = a; return a }", "circular"],
    ["a status in text", "async () => ({ status: '200', body: '' })", "status"],
    ["a status that is no final one", "(context, callback) => callback(100)", "status"],
    ["no status", "(context, callback) => callback(undefined, 'body')", ""],
    ["an error for a status", "(context, callback) => callback(new Error('e'))", "status"],
    ["headers that are none", "async () => ({ status: 200, headers: 5 })", "headers"],
    ["a length that is none", "async () => ({ status: 200, headers: { 'content-length': 'x' } })", "content-length"],
    ["a header without a value", "async () => ({ status: 200, headers: { a: undefined } })", "a"],
    ["a thrown string", "async () => { throw 'text' }", "text"],
  ])("answers %s at once", async (_what, source, reason) => {
    const answer = await answerOf(`module.exports = ${source}`);
    if (reason === "") expect(answer.status).toBe(200);
    else expect(reasonOf(answer)).toContain(reason);
  });

  it("break the answer off where its stream fails, and log why", async () => {
    const runtime = await serve(
      "module.exports = async () => ({ body: (async function* () { yield 'begun'; throw new Error('in the middle') })() })",
    );
    await expect(runtime.call()).rejects.toThrow();
    await runtime.logged("in the middle");
  });

  it("tell whatever was thrown, be it no text or nothing that can be looked at, and go on", async () => {
    const custom = `[Symbol.for("nodejs.util.inspect.custom")]() { throw 1 }`;
    const runtime = await serve(
      `const revoked = Proxy.revocable({}, {});
      revoked.revoke();
      const thrown = {
        half: new Error("x\ud800y"),
        cut: new Error("x".repeat(292) + "\u{1f600}"),
        symbol: Object.assign(new Error(), { message: Symbol("s") }),
        revoked: revoked.proxy,
        opaque: { ${custom} },
        error: Object.assign(new Error("e"), { ${custom} }),
      };
      module.exports = async ({ request }) => { throw thrown[request.url.slice(1)] }`,
    );
    const reasons = [];
    for (const path of ["/half", "/cut", "/symbol", "/revoked", "/opaque", "/error"]) {
      const answer = await runtime.call({ path });
      const told = decodeURIComponent(String(answer.headers["x-fermi-function-error"]));
      reasons.push([reasonOf(answer), told]);
    }
    expect(reasons).toEqual([
      ["Error: x\ufffdy", "Error: x\ufffdy"],
      [`Error: ${"x".repeat(292)}\u{1f600}`, `Error: ${"x".repeat(292)}\ufffd`],
      ["something that can't be shown", "something that can't be shown"],
      ["thrown: <Revoked Proxy>", "thrown: <Revoked Proxy>"],
      ["thrown: something that can't be shown", "thrown: something that can't be shown"],
      ["Error: e", "Error: e"],
    ]);
  });

  it("never let user code set the platform's or the connection's headers", async () => {
    const source = `module.exports = async () => ({ body: "abc", headers: { "content-length": "99", "transfer-encoding": "chunked",
      connection: "close", upgrade: "x", "x-fermi-busy": "1", "x-own": "kept" } })`;
    const { status, headers, body } = await answerOf(source);
    expect({ status, body, own: headers["x-own"], busy: headers["x-fermi-busy"] }).toEqual({
      status: 200,
      body: "abc",
      own: "kept",
    });
    expect(headers).toMatchObject({ "content-length": "3" });
    expect(headers).not.toHaveProperty("upgrade");
  });
});
