import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Fetcher, type FetcherAnswer, type FetcherOptions } from "../../src/fetcher/fetcher.js";
import { systemClock } from "../../src/lib/clock.js";
import { anOrder, FakeImage, idOf } from "./fake-image.js";

let image: FakeImage;
beforeEach(async () => {
  image = new FakeImage();
  await image.listen();
});
afterEach(() => image.stop());

const aFetcher = (change: Partial<FetcherOptions> = {}): Fetcher =>
  new Fetcher({ contract: "FISSION_V2", image: image.address, folder: image.folder, clock: systemClock, ...change });
const errorOf = ({ status, body }: FetcherAnswer): [number, string] => [status, JSON.parse(body).error as string];
const read = (...parts: string[]): string => readFileSync(path.join(image.folder, ...parts), "utf8");

describe("The fetcher", () => {
  it("puts the code of FISSION_V1 at `user` and posts nothing to /specialize", async () => {
    const fetcher = aFetcher({ contract: "FISSION_V1" });
    const order = anOrder("module.exports = 'é'");
    expect(await fetcher.specialize(order)).toEqual({ status: 200, body: "{}" });
    expect(read("user")).toBe("module.exports = 'é'");
    expect(image.requests).toEqual([{ method: "POST", url: "/specialize", contentType: "text/plain", body: "" }]);
    expect(readdirSync(image.folder)).toEqual(["user"]);
    expect(fetcher.state).toEqual({ state: "specialized", functionId: idOf(order), version: 3 });
  });

  it("puts the code of FISSION_V2 at the function's id and says where and what", async () => {
    const order = anOrder("x");
    expect(await aFetcher().specialize(order)).toMatchObject({ status: 200 });
    const [request] = image.requests;
    expect([request!.url, request!.contentType]).toEqual(["/v2/specialize", "application/json"]);
    expect(JSON.parse(request!.body)).toEqual({
      filepath: path.join(image.folder, idOf(order)),
      functionName: "",
      url: "",
      FunctionMetadata: { name: "hello", namespace: "default", uid: idOf(order) },
      envVersion: 2,
    });
    expect(read(idOf(order))).toBe("x");
  });

  it.each([
    ["module.main", ["module", "module.js", "module.main", "module.py", "module.rb"]],
    ["main", ["main", "main.js", "main.py", "main.rb"]],
    ["other", ["main.py", "other", "other.js", "other.rb"]],
  ])(
    "puts it into a folder for the entrypoint %s, under every name that one of the servers looks for",
    async (entrypoint, files) => {
      const order = anOrder("x", { entrypoint });
      expect(await aFetcher().specialize(order)).toMatchObject({ status: 200 });
      expect(readdirSync(path.join(image.folder, idOf(order))).sort()).toEqual(files);
      expect(JSON.parse(image.requests[0]!.body)).toMatchObject({ functionName: entrypoint });
    },
  );

  it("makes folders for a module within a package", async () => {
    const order = anOrder("x", { entrypoint: "a.b.main" });
    await aFetcher().specialize(order);
    expect(read(idOf(order), "a", "b.py")).toBe("x");
  });

  it("lets the image's user read what it writes, whatever its own umask", async () => {
    const before = process.umask(0o077);
    try {
      const order = anOrder("x", { entrypoint: "a.b.main" });
      await aFetcher().specialize(order);
      expect(statSync(path.join(image.folder, idOf(order), "a")).mode & 0o777).toBe(0o755);
      expect(statSync(path.join(image.folder, idOf(order), "a", "b.py")).mode & 0o777).toBe(0o644);
    } finally {
      process.umask(before);
    }
  });

  it("tells an image once, whatever it answers", async () => {
    for (const status of [200, 500]) {
      image.requests.length = 0;
      image.answer = (res) => void res.writeHead(status).end();
      const fetcher = aFetcher();
      const first = fetcher.specialize(anOrder("x"));
      expect(errorOf(await fetcher.specialize(anOrder("y")))).toEqual([409, "The instance is not generic: loading."]);
      await first;
      expect(await fetcher.specialize(anOrder("z"))).toMatchObject({ status: 409 });
      expect(image.requests).toHaveLength(1);
    }
  });

  it.each([
    ["no JSON", "{", "no JSON"],
    ["null", "null", "function.id"],
    [
      "a function's id with a path",
      anOrder("x", { function: { id: "../x", name: "n", namespace: "d" } }),
      "function.id",
    ],
    ["an absolute id", anOrder("x", { function: { id: "/etc/passwd", name: "n", namespace: "d" } }), "function.id"],
    ["an entrypoint that climbs", anOrder("x", { entrypoint: "../../x" }), "entrypoint"],
    ["an entrypoint that is a path", anOrder("x", { entrypoint: "a/b" }), "entrypoint"],
    ["an entrypoint of dots", anOrder("x", { entrypoint: "a..b" }), "entrypoint"],
    ["another text than was hashed", anOrder("x", { code: { source: "y", sha256: "00" } }), "code.sha256"],
    ["variables that are none", anOrder("x", { variables: "A=1" }), "variables"],
  ])("refuses %s, writes nothing, and stays generic", async (_what, order, message) => {
    const fetcher = aFetcher();
    expect(errorOf(await fetcher.specialize(order))).toEqual([400, expect.stringContaining(message)]);
    expect(readdirSync(image.folder)).toEqual([]);
    expect(image.requests).toEqual([]);
    expect(await fetcher.specialize(anOrder("x"))).toMatchObject({ status: 200 });
  });

  it("can't load what the contract has no place for", async () => {
    const answer = await aFetcher({ contract: "FISSION_V1" }).specialize(anOrder("x", { entrypoint: "main" }));
    expect(errorOf(answer)).toEqual([422, "The contract FISSION_V1 has no place for an entrypoint."]);
    const variables = [{ name: "A", value: "1" }];
    const other = await aFetcher().specialize(anOrder("x", { variables }));
    expect(errorOf(other)).toEqual([422, "The contract FISSION_V2 has no place for variables."]);
    expect(readdirSync(image.folder)).toEqual([]);
  });

  it("replaces a link that somebody put there, and does not follow it", async () => {
    const elsewhere = path.join(image.folder, "elsewhere");
    writeFileSync(elsewhere, "untouched");
    symlinkSync(elsewhere, path.join(image.folder, "user"));
    await aFetcher({ contract: "FISSION_V1" }).specialize(anOrder("x"));
    expect(readFileSync(elsewhere, "utf8")).toBe("untouched");
    expect(read("user")).toBe("x");
  });

  it("says so where the code can't be written, and leaves no draft", async () => {
    mkdirSync(path.join(image.folder, "user"));
    const fetcher = aFetcher({ contract: "FISSION_V1" });
    expect(errorOf(await fetcher.specialize(anOrder("x")))).toEqual([502, expect.stringContaining("can't be written")]);
    expect(readdirSync(image.folder)).toEqual(["user"]);
    expect(fetcher.state).toEqual({ state: "failed" });
  });
});

describe("The fetcher hears from an image", () => {
  const answer = async (status: number, type: string, text: string): Promise<string> => {
    image.answer = (res) => void res.writeHead(status, { "content-type": type }).end(text);
    const [code, error] = errorOf(await aFetcher().specialize(anOrder("x")));
    expect(code).toBe(422);
    return error;
  };

  it("why code does not load, in the image's own words", async () => {
    const prefix = "The image answered 500 to POST /v2/specialize";
    expect(await answer(500, "text/plain", "SyntaxError:\n  line 3\n")).toBe(`${prefix}: SyntaxError: line 3`);
    expect(await answer(500, "application/json", `{"message":"no such module"}`)).toBe(`${prefix}: no such module`);
    expect(await answer(500, "text/html", "{}")).toContain(`${prefix} and gave no reason`);
    expect(
      await answer(500, "text/html", "<!doctype html><title>500</title><h1>Oh &lt;no&gt;</h1><p>It broke.</p>"),
    ).toBe(`${prefix}: Oh <no> It broke.`);
    expect(await answer(400, "text/plain", "already specialized")).toContain("answered 400");
    expect(await answer(302, "text/plain", "elsewhere")).toContain("answered 302");
    expect((await answer(500, "text/plain", "x".repeat(1_000_000))).length).toBeLessThan(1_200);
  });

  it("nothing at first, and tries again as long as the connection is refused", async () => {
    await image.close();
    const pauses: number[] = [];
    const after = (ms: number, task: () => void): { stop(): void } => {
      if (ms > 1_000) return { stop: () => {} };
      pauses.push(ms);
      const ready = pauses.length < 7 ? Promise.resolve() : image.listen();
      void ready.then(task);
      return { stop: () => {} };
    };
    expect(await aFetcher({ clock: { ...systemClock, after } }).specialize(anOrder("x"))).toMatchObject({
      status: 200,
    });
    expect(pauses).toEqual([25, 50, 100, 200, 400, 500, 500]);
    expect(image.requests).toHaveLength(1);
  });

  it("a broken connection, which is not tried again", async () => {
    image.answer = (res) => void res.destroy();
    const fetcher = aFetcher();
    await expect(fetcher.specialize(anOrder("x"))).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(image.requests).toHaveLength(1);
    expect(fetcher.state).toEqual({ state: "failed" });
  });

  it("nothing until the deadline", async () => {
    image.answer = () => {};
    const stuck = await aFetcher({ deadlineMs: 100 }).specialize(anOrder("x"));
    expect(errorOf(stuck)).toEqual([422, "The code did not finish loading within 0.1 s."]);
    await image.close();
    const deaf = await aFetcher({ deadlineMs: 100 }).specialize(anOrder("x"));
    expect(errorOf(deaf)).toEqual([502, "The image's server did not listen within 0.1 s."]);
  });

  it("nothing when its caller gives up", async () => {
    const reason = new Error("given up");
    const abort = new AbortController();
    image.answer = () => abort.abort(reason);
    await expect(aFetcher().specialize(anOrder("x"), abort.signal)).rejects.toBe(reason);
  });

  it("whether it takes connections", async () => {
    const fetcher = aFetcher();
    expect(await fetcher.isReady()).toBe(true);
    await image.close();
    expect(await fetcher.isReady()).toBe(false);
  });
});
