import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { newId } from "../../src/lib/new-id.js";
import { nodejs, RuntimeProcess } from "./runtime-process.js";

const source = `const { existsSync } = require("node:fs");
const stand = (ms, until = () => false) => { for (const end = Date.now() + ms; Date.now() < end && !until(); ); };
let free;
module.exports = async ({ request }) => {
  if (request.path === "/stand") {
    console.log("standing");
    stand(5_000, () => existsSync("go"));
    await new Promise((resolve) => (free = resolve));
  }
  if (request.path === "/slow") stand(5);
  if (request.path === "/last") {
    stand(5_000, () => existsSync("seen"));
    free();
    return existsSync("seen") ? "/seen\\n" : "/unseen\\n";
  }
  if (request.path === "/fake") globalThis.setImmediate = () => {};
  if (request.path === "/exit") {
    for (let i = 0; i < 10; i += 1) await 0;
    process.exit(3);
  }
  return request.path + "\\n";
};`;

describe("Answers of Node that are ready at once", () => {
  let runtime: RuntimeProcess;
  beforeAll(async () => (runtime = await RuntimeProcess.serving(nodejs, source, { requestsPerInstance: 100 })));
  afterAll(() => runtime.stop());

  const requests = (paths: readonly string[]): string => {
    const headers = Object.entries(runtime.headers(newId())).map(([name, value]) => `${name}: ${String(value)}\r\n`);
    return paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: x\r\n${headers.join("")}\r\n`).join("");
  };

  /** Sends requests in one write; resolves with what came when it is enough, or when the connection has ended. */
  const pipelined = (paths: readonly string[], isEnough: (text: string) => boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = runtime.connect().setEncoding("latin1").on("error", reject);
      let text = "";
      socket
        .on("close", () => resolve(text))
        .on("data", (more: string) => {
          text += more;
          if (isEnough(text)) socket.destroy();
        });
      socket.write(requests(paths));
    });

  const bodiesIn = (text: string): string[] => [...text.matchAll(/\r\n\r\n(\/\w+)\n/g)].map(([, body]) => body!);

  const answers = (paths: readonly string[]): Promise<string[]> =>
    pipelined(paths, (text) => bodiesIn(text).length === paths.length).then(bodiesIn);

  const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `/${count}x${index}`);

  /** So many quick ones that those after them are held for each other. */
  const manyQuick = async (): Promise<void> => {
    for (let round = 0; round < 20; round += 1) await answers(many(40));
  };
  beforeEach(manyQuick);

  /** A connection that the runtime has taken, and how to ask on it. */
  const caller = async (): Promise<(path: string) => Promise<string>> => {
    const socket = runtime.connect().setEncoding("latin1");
    const ask = (path: string): Promise<string> =>
      new Promise((resolve) => {
        socket.once("data", (text: string) => resolve(bodiesIn(text).join()));
        socket.write(requests([path]));
      });
    await ask("/first");
    return ask;
  };

  it("all leave, in the order of their requests, however many there are", async () => {
    for (const count of [1, 2, 40, 3, 50, 17]) expect(await answers(many(count))).toEqual(many(count));
  });

  it("leave also where user code has put its own timers in place of Node's", async () => {
    expect(await answers(["/fake", "/a"])).toEqual(["/fake", "/a"]);
    expect(await answers(["/b", "/c"])).toEqual(["/b", "/c"]);
  });

  it("leave before the next request's code begins once one was slow, as all of them came in one turn", async () => {
    const [one, two, three, four] = [await caller(), await caller(), await caller(), await caller()];
    await manyQuick();
    const standing = one("/stand");
    await runtime.logged("standing");
    const [quick, slow, last] = [two("/a"), three("/slow"), four("/last")];
    runtime.touch("go");
    expect(await quick).toBe("/a");
    runtime.touch("seen");
    expect(await Promise.all([slow, last, standing])).toEqual(["/slow", "/seen", "/stand"]);
  });

  it("leave also where another request ends the process in that turn", async () => {
    expect(bodiesIn(await pipelined(["/a", "/exit"], () => false))).toEqual(["/a"]);
    expect(await runtime.exited).toBe(3);
  });
});
