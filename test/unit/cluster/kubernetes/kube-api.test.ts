import { afterEach, describe, expect, it } from "@jest/globals";
import { text } from "node:stream/consumers";
import { aFakeKube, answerJson, type FakeKube } from "./fake-api.js";

describe("KubeApi", () => {
  let kube: FakeKube;
  afterEach(() => kube.stop());

  it("says what the API says against a call", async () => {
    kube = await aFakeKube((_url, res) =>
      answerJson(res, { kind: "Status", reason: "NotFound", message: "no pod" }, 404),
    );
    const error: unknown = await kube.api.call({ method: "GET", path: "/x" }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      status: 404,
      reason: "NotFound",
      message: "no pod",
      isAway: false,
      isPassing: false,
    });
    expect(kube.api.outage).toBeUndefined();
  });

  it("says what it can where something else answers", async () => {
    kube = await aFakeKube((_url, res) => void res.writeHead(502).end("<html>"));
    await expect(kube.api.call({ method: "GET", path: "/x" })).rejects.toMatchObject({
      status: 502,
      message: "answered 502",
      isPassing: true,
    });
  });

  it("waits for an answer no longer than it is told, and knows of the outage until there is one", async () => {
    let isHanging = true;
    kube = await aFakeKube((_url, res) => {
      if (!isHanging) answerJson(res, {});
    });
    const late = kube.api.call({ method: "GET", path: "/x", timeoutMs: 100 });
    await expect(late).rejects.toMatchObject({ status: 0, isAway: true, message: expect.stringMatching(/in time$/) });
    expect(kube.api.outage?.why).toBe("it did not answer in time");
    // Since it was asked, not since it was given up.
    expect(kube.api.outage?.sinceMs).toBeGreaterThan(90);
    isHanging = false;
    await kube.api.call({ method: "GET", path: "/x" });
    expect(kube.api.outage).toBeUndefined();
  });

  it("is not told of an outage by a call that was lost before the API answered again", async () => {
    kube = await aFakeKube((url, res) => {
      if (!url.pathname.endsWith("/lost")) answerJson(res, {});
    });
    const lost = kube.api.call({ method: "GET", path: "/lost", timeoutMs: 200 });
    await kube.api.call({ method: "GET", path: "/x" });
    await expect(lost).rejects.toMatchObject({ isAway: true });
    expect(kube.api.outage).toBeUndefined();
  });

  it("waits for the whole of an answer no longer than that", async () => {
    kube = await aFakeKube((_url, res) => void res.writeHead(200).write("{"));
    const late = kube.api.call({ method: "GET", path: "/x", timeoutMs: 100 });
    await expect(late).rejects.toMatchObject({ isAway: true });
  });

  it("bounds the head of a stream and not its body", async () => {
    kube = await aFakeKube((url, res) => {
      if (url.pathname.endsWith("/never")) return;
      res.writeHead(200).write("one ");
      setTimeout(() => res.end("two"), 200);
    });
    await expect(kube.api.stream({ method: "GET", path: "/never", timeoutMs: 100 })).rejects.toMatchObject({
      status: 0,
    });
    expect(await text(await kube.api.stream({ method: "GET", path: "/x", timeoutMs: 100 }))).toBe("one two");
  });

  it("takes no node that does not answer for an outage of the API", async () => {
    kube = await aFakeKube((url, res) => {
      if (!url.pathname.endsWith("/log")) answerJson(res, {});
    });
    const log = { method: "GET", path: "/log", timeoutMs: 100, isOfNode: true } as const;
    await expect(kube.api.stream(log)).rejects.toMatchObject({ isAway: true });
    expect(kube.api.outage).toBeUndefined();
  });

  it("rejects with the signal's reason, before and while it asks", async () => {
    kube = await aFakeKube(() => {});
    const reason = new Error("enough");
    await expect(kube.api.call({ method: "GET", path: "/x", signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(kube.urls).toEqual([]);
    const abort = new AbortController();
    const asking = kube.api.call({ method: "GET", path: "/x", signal: abort.signal });
    setImmediate(() => abort.abort(reason));
    await expect(asking).rejects.toBe(reason);
    expect(kube.api.outage).toBeUndefined();
  });

  it("asks again over a new connection where a kept one was closed in that moment, but creates nothing twice", async () => {
    kube = await aFakeKube((url, res) => {
      if (url.pathname.endsWith("/cut") && kube.urls.length === 2) res.socket?.destroy();
      else answerJson(res, { path: url.pathname });
    });
    await kube.api.call({ method: "GET", path: "/first" });
    expect(await kube.api.call({ method: "GET", path: "/cut" })).toEqual({ path: "/prefix/cut" });
    kube.urls.length = 1;
    await expect(kube.api.call({ method: "POST", path: "/cut", body: {} })).rejects.toMatchObject({ status: 0 });
  });
});
