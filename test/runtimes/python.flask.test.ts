import { expect, it } from "@jest/globals";
import { describeFlask, python, RuntimeProcess, type Answer } from "./runtime-process.js";
import { untilTestEnds } from "./until-test-ends.js";

const keep = untilTestEnds();

async function serve(source: string): Promise<RuntimeProcess> {
  return keep(await RuntimeProcess.serving(python, source));
}

describeFlask("Flask in Python functions", () => {
  const source = `
from flask import jsonify, make_response, request
def main():
    if request.args.get("a") == "response":
        response = make_response("made", 202)
        response.set_cookie("c", "d")
        return response
    if request.args.get("a") == "none":
        return None
    return jsonify(method=request.method, path=request.path, json=request.get_json(silent=True), form=request.form.get("f"),
        header=request.headers.get("X-In"), key=request.headers.get("X-Fermi-Key"), url=request.url)`;

  it("gives user code Flask's request", async () => {
    const headers = { "content-type": "application/json", "x-in": "in", host: "example.com" };
    const runtime = await serve(source);
    const answer = await runtime.call({ method: "POST", path: "/p%20q?a=1", headers, body: '{"x":1}' });
    expect(JSON.parse(answer.body)).toEqual({
      method: "POST",
      path: "/p q",
      json: { x: 1 },
      form: null,
      header: "in",
      key: null,
      url: "http://example.com/p%20q?a=1",
    });
  });

  it("shows no header whose underscores stand for dashes, but a route's parameters as they are named", async () => {
    const runtime = await serve("from flask import request\ndef main():\n  return dict(request.headers)");
    const headers = { x_user: "forged", content_type: "forged/type", "x-fermi-param-user_id": "7" };
    const { body } = await runtime.call({ headers });
    expect(body).not.toContain("forged");
    expect(JSON.parse(body)).toMatchObject({ "X-Fermi-Param-User-Id": "7" });
  });

  it("answers 500 to NaN, and to a stream that fails at first", async () => {
    const runtime = await serve(`
from flask import jsonify, request
def pieces():
    raise ValueError("at first")
    yield
def main():
    return {"dict": lambda: {"a": float("nan")}, "jsonify": lambda: jsonify(float("nan")), "stream": pieces}[request.args["a"]]()`);
    for (const [a, reason] of [
      ["dict", "not JSON compliant"],
      ["jsonify", "not JSON compliant"],
      ["stream", "at first"],
    ]) {
      const answer = await runtime.call({ path: `/?a=${a}` });
      expect(answer).toMatchObject({ status: 500, body: expect.stringContaining(reason!) as unknown as string });
    }
  });

  it("takes Flask's responses, and answers 500 where there is none", async () => {
    const runtime = await serve(source);
    const answer = await runtime.call({ path: "/?a=response" });
    expect(answer).toMatchObject({ status: 202, body: "made" });
    expect(answer.headers["set-cookie"]).toEqual(["c=d; Path=/"]);
    expect((await runtime.call({ path: "/?a=none" })).status).toBe(500);
    const form = await runtime.call({
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "f=g",
    });
    expect((JSON.parse(form.body) as { form: string }).form).toBe("g");
  });

  it("answers as Flask does where a request is aborted, and does what is to follow one", async () => {
    const runtime = await serve(`
from flask import abort, after_this_request, request
def main():
    @after_this_request
    def mark(response):
        response.headers["x-after"] = "1"
        return response
    if request.args["a"] == "abort":
        abort(404, "there is no such order")
    return request.get_json()`);
    const post = (path: string): Promise<Answer> =>
      runtime.call({ method: "POST", path, headers: { "content-type": "application/json" }, body: "{" });
    const aborted = await post("/?a=abort");
    expect(aborted).toMatchObject({ status: 404, headers: { "x-after": "1" } });
    expect(aborted.body).toContain("there is no such order");
    for (const path of ["/?a=json", "/"]) {
      expect(await post(path)).toMatchObject({ status: 400, headers: { "x-after": "1" } });
    }
    expect(runtime.lines).toEqual([]);
  });

  it("closes a response when it was sent, or fails", async () => {
    const runtime = await serve(`
from flask import request, Response
def pieces(kind):
    if kind == "fails":
        raise ValueError("at first")
    yield "a"
    if kind == "breaks":
        raise ValueError("in the middle")
    print("last")
def main():
    kind = request.args["a"]
    response = Response("whole" if kind == "whole" else pieces(kind), 999 if kind == "wrong" else 200)
    response.call_on_close(lambda: print("closed"))
    return response`);
    const printed = async (a: string): Promise<string[]> => {
      const before = runtime.lines.length;
      await runtime.call({ path: `/?a=${a}` }).catch(() => {});
      const ofCall = (): string[] => runtime.logs.slice(before).flatMap(({ s, m }) => (s === "stdout" ? m : []));
      await runtime.until("its close", () => ofCall().includes("closed") || undefined);
      return ofCall();
    };
    expect(await printed("whole")).toEqual(["closed"]);
    expect(await printed("stream")).toEqual(["last", "closed"]);
    for (const a of ["fails", "breaks", "wrong"]) expect(await printed(a)).toEqual(["closed"]);
  });
});
