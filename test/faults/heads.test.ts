/** Requests that could be read in two ways, and upgrades that come to nothing. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { ask, type RawClient } from "../router/support/http-client.js";
import { FaultStage } from "./support/fault-stage.js";
import type { Subject } from "./support/subject.js";

const ok = { status: "SUCCEEDED", httpStatus: 200, error: null, attempts: 1 };

let stage: FaultStage;
beforeAll(async () => {
  stage = await FaultStage.start();
}, 90_000);
afterEach(() => stage.expectNoHarm());
afterAll(() => stage.stop());

/** One slot in one instance: whoever comes next has it only if it was given back. */
const deploy = (name: string): Promise<Subject> =>
  stage.deploy(name, { settings: { timeoutSeconds: 1, requestsPerInstance: 1, maxInstances: 1 } });

async function send(lines: readonly string[], body = ""): Promise<RawClient> {
  const client = await stage.connect();
  client.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
  return client;
}

describe("A request with", () => {
  const smuggled = (subject: Subject): string => `GET ${subject.path("ok?smuggled")} HTTP/1.1\r\nHost: x\r\n\r\n`;

  const refused: readonly (readonly [string, readonly string[]])[] = [
    ["Content-Length and Transfer-Encoding", ["Host: x", "Content-Length: 4", "Transfer-Encoding: chunked"]],
    ["Transfer-Encoding and Content-Length", ["Host: x", "Transfer-Encoding: chunked", "Content-Length: 4"]],
    ["a coding before chunked", ["Host: x", "Transfer-Encoding: gzip, chunked"]],
    ["a bare CR in a header", ["Host: x", "A: b\rContent-Length: 0"]],
    ["a bare CR before a header's end", ["Host: x", "A: b\r"]],
    ["a bare LF in a header", ["Host: x", "A: b\nContent-Length: 0"]],
    ["bare LFs for line ends", ["Host: x\nA: b\nC: d"]],
    ["a folded header", ["Host: x", "A: b", " Transfer-Encoding: chunked"]],
    ["a folded first header", [" folded: x", "Host: x"]],
    ["two Host headers", ["Host: x", "Host: y"]],
    ["two equal Host headers", ["Host: x", "Host: x"]],
  ];
  it.each(refused)("%s is refused with 400, and its connection closed", async (what, headers) => {
    const subject = await deploy(`refuses-${refused.findIndex(([name]) => name === what)}`);
    const client = await send([`POST ${subject.path("ok")} HTTP/1.1`, ...headers], `0\r\n\r\n${smuggled(subject)}`);
    const answers = await client.closed();
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400"]);
    expect(answers).toMatch(/x-fermi-error: BAD_REQUEST\r\n/i);
    expect((await subject.ask("ok")).status).toBe(200);
    await subject.cameToRest([ok]);
    expect((await subject.seen()).map(({ target }) => target)).toEqual([subject.path("ok")]);
  });

  it.each(["", " HTTP/0.9", " HTTP/2.0"])(
    "another version than 1.0 and 1.1 is refused with 400 (%p)",
    async (version) => {
      const subject = await deploy(`version-${version.replace(/\D/g, "") || "none"}`);
      const client = await send([`GET ${subject.path("ok")}${version}`, "Host: x"]);
      expect(await client.closed()).toMatch(/^HTTP\/1\.1 400 [^]*BAD_REQUEST/);
      expect((await subject.ask("ok")).status).toBe(200);
      await subject.cameToRest([ok]);
    },
  );

  it("an expectation, behind others, is told to go on in its turn", async () => {
    const subject = await deploy("expectant");
    const late = `GET ${subject.path("answers-late")} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const client = await send([
      `${late}POST ${subject.path("ok")} HTTP/1.1`,
      "Host: x",
      "Expect: 100-continue",
      "Content-Length: 100000",
    ]);
    await client.sees("100 Continue\r\n\r\n");
    client.write("x".repeat(100_000));
    const answers = await client.sees(`"bytes":100000}`);
    expect(answers.match(/HTTP\/1\.1 \d+|"target":"[^"]*"/g)).toEqual([
      "HTTP/1.1 200",
      `"target":"${subject.path("answers-late")}"`,
      "HTTP/1.1 100",
      "HTTP/1.1 200",
      `"target":"${subject.path("ok")}"`,
    ]);
    client.destroy();
    await subject.cameToRest([ok, ok]);
  });

  it("an absolute URI goes where its host says, not the header's (RFC 9112, 3.2.2)", async () => {
    const subject = await deploy("absolute");
    const other = await stage.deploy("other-host", { host: "other.example" });
    const headers = { host: "x" };
    const path = "/other-host/ok?a=//b";
    expect((await ask(stage.port, path, { headers })).status).toBe(404);
    const answer = await ask(stage.port, `http://other.example${path}`, { headers });
    expect([answer.status, answer.body]).toEqual([200, expect.stringContaining(`"${path}"`)]);
    const here = await ask(stage.port, `http://any.example:8080${subject.path("ok")}`, {
      headers: { host: "other.example" },
    });
    expect(here.status).toBe(200);
    await subject.cameToRest([{ ...ok, path: subject.path("ok") }]);
    await other.cameToRest([{ ...ok, path: "/other-host/ok" }]);
  });
});

describe("An upgrade that", () => {
  const upgrade = (subject: Subject, behaviour: string): readonly string[] => [
    `GET ${subject.path(behaviour)} HTTP/1.1`,
    "Host: x",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];

  it("the function never answers ends in 504 after its limit", async () => {
    const subject = await deploy("upgrade-mute");
    const client = await send(upgrade(subject, "answers-never"));
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 504 [^]*FUNCTION_TIMEOUT/);
    expect((await subject.ask("ok")).status).toBe(200);
    const error = "The function did not answer the upgrade within its time limit.";
    await subject.cameToRest([{ status: "TIMED_OUT", httpStatus: 504, error, attempts: 1 }, ok]);
  });

  it("the function refuses is answered with its refusal", async () => {
    const subject = await deploy("upgrade-refused");
    const client = await send(upgrade(subject, "refuses-upgrade"));
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 400 [^]*no upgrade here$/);
    expect((await subject.ask("ok")).status).toBe(200);
    await subject.cameToRest([{ status: "SUCCEEDED", httpStatus: 400, error: null, attempts: 1 }, ok]);
  });

  it("the function does not survive ends in 502", async () => {
    const subject = await deploy("upgrade-crashed");
    const client = await send(upgrade(subject, "resets"));
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 502 [^]*FUNCTION_CRASHED/);
    expect((await subject.ask("ok")).status).toBe(200);
    const error = "The function's instance was lost before it answered.";
    await subject.cameToRest([{ status: "FAILED", httpStatus: 502, error, attempts: 1 }, ok]);
  });

  it.each(["destroy", "reset"] as const)(
    "its client leaves (%s) before it is answered gives its slot back",
    async (leave) => {
      const subject = await deploy(`upgrade-left-${leave}`);
      const client = await send(upgrade(subject, "answers-never"));
      await subject.hasSeen(1);
      client[leave]();
      expect((await subject.ask("ok")).status).toBe(200);
      await subject.cameToRest([{ status: "CANCELLED", httpStatus: null, error: "The caller left.", attempts: 1 }, ok]);
    },
  );

  it.each(["destroy", "reset"] as const)(
    "its client leaves (%s) without a word once it is open gives its slot back",
    async (leave) => {
      const subject = await deploy(`upgrade-opened-${leave}`);
      const client = await send(upgrade(subject, "upgrades"));
      await client.sees("101");
      client[leave]();
      expect((await subject.ask("ok")).status).toBe(200);
      const [record] = await subject.settledRecords(2);
      expect(record).toMatchObject({ httpStatus: 101, attempts: 1 });
      expect(record!.status).toMatch(/SUCCEEDED|CANCELLED/);
    },
  );

  it.each(["websocket", "h2c"])("comes behind other requests (%s) is answered in its turn", async (protocol) => {
    const subject = await deploy(`upgrade-late-${protocol}`);
    const late = `GET ${subject.path("answers-late")} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const [first, ...rest] = upgrade(subject, "ok").map((line) => line.replace("websocket", protocol));
    const client = await send([`${late}${late}${first}`, ...rest]);
    const answers = await client.sees(/("target"[^]*){3}}/);
    const targets = ["answers-late", "answers-late", "ok"].map((behaviour) => `"target":"${subject.path(behaviour)}"`);
    expect(answers.match(/"target":"[^"]*"/g)).toEqual(targets);
    await subject.cameToRest([ok, ok, ok]);
  });

  it("is to another protocol is answered as if it had not been asked for, be it with a body", async () => {
    const subject = await deploy("upgrade-h2c");
    const asking = ["Host: x", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAA"];
    const client = await send([`GET ${subject.path("ok")} HTTP/1.1`, ...asking]);
    await client.sees(/^HTTP\/1\.1 200 /);
    const post = [`POST ${subject.path("ok")} HTTP/1.1`, ...asking, "Content-Length: 3"];
    client.write(`${post.join("\r\n")}\r\n\r\nabc`);
    await client.sees(/HTTP\/1\.1 200 [^]*HTTP\/1\.1 200 /);
    client.destroy();
    await subject.cameToRest([ok, ok]);
  });

  it("opens a WebSocket with a body is refused with 400", async () => {
    const subject = await deploy("upgrade-body");
    const client = await send([...upgrade(subject, "ok"), "Content-Length: 3"], "abc");
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 400 [^]*BAD_REQUEST/);
    await subject.cameToRest([]);
  });
});
