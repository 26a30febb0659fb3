import { describe, expect, it } from "@jest/globals";
import { invocationNode } from "./fake-api.js";
import { fermi, throws } from "./run-fermi.js";

describe("fermi function invoke", () => {
  it("prints the function's body and nothing else", async () => {
    const { exitCode, stdout, stderr, input } = await fermi("function invoke hi", {
      invokeFunction: () => invocationNode(),
    });
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "Hello, world!\n", stderr: "" });
    expect(input).toEqual({ namespace: "default", function: "hi", method: "GET", path: "/" });
  });

  it("sends method, path, headers and body", async () => {
    const line = ["fn", "invoke", "hi", "--path", "/x?y=1", "--header", "Accept: text/plain", "--body", "-"];
    const { input } = await fermi(line, { invokeFunction: () => invocationNode() }, { stdin: "given" });
    expect(input).toMatchObject({
      method: "POST",
      path: "/x?y=1",
      headers: [{ name: "Accept", value: "text/plain" }],
      body: "given",
    });
  });

  it("writes bytes as they were", async () => {
    const result = { httpStatus: 200, headers: {}, body: "aMOp", base64: true };
    const { stdout } = await fermi("function invoke hi", { invokeFunction: () => invocationNode({ result }) });
    expect(stdout).toBe("hé");
  });

  it("ends with 1 where the function failed, its answer printed all the same", async () => {
    const result = { httpStatus: 500, headers: {}, body: "boom\n", base64: false };
    const failed = invocationNode({ status: "FAILED", httpStatus: 500, error: "Error: boom", result });
    const { exitCode, stdout, stderr } = await fermi("function invoke hi", { invokeFunction: () => failed });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "boom\n" });
    expect(stderr).toBe("fermi: hi failed: Error: boom; look at `fermi function logs hi --invocation i1`");
  });

  it("says what gives a busy function more room", async () => {
    const busy = { invokeFunction: throws("QUEUE_FULL", "Every instance of this function was busy.") };
    expect((await fermi("function invoke hi", busy)).stderr).toBe(
      "fermi: Every instance of this function was busy; try again, or raise its --concurrency or --maxscale",
    );
  });

  it("says where to look when the code does not load", async () => {
    const { exitCode, stderr } = await fermi("function invoke hi", {
      invokeFunction: throws("LOAD_FAILED", "SyntaxError: Unexpected token\n    at line 3"),
    });
    expect(exitCode).toBe(1);
    expect(stderr).toBe("fermi: SyntaxError: Unexpected token at line 3; look at `fermi function logs hi`");
  });
});
