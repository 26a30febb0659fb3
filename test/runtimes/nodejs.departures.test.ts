import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { newId } from "../../src/lib/new-id.js";
import { nodejs, RuntimeProcess } from "./runtime-process.js";

const source = `module.exports = async ({ request }) => {
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

  /** Sends requests in one write; resolves with what came when it is enough, or when the connection has ended. */
  const pipelined = (paths: readonly string[], isEnough: (text: string) => boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = Object.entries(runtime.headers(newId())).map(([name, value]) => `${name}: ${String(value)}\r\n`);
      const socket = runtime.connect().setEncoding("latin1").on("error", reject);
      let text = "";
      socket
        .on("close", () => resolve(text))
        .on("data", (more: string) => {
          text += more;
          if (isEnough(text)) socket.destroy();
        });
      socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: x\r\n${headers.join("")}\r\n`).join(""));
    });

  const bodiesIn = (text: string): string[] => [...text.matchAll(/\r\n\r\n(\/\w+)\n/g)].map(([, body]) => body!);

  const answers = (paths: readonly string[]): Promise<string[]> =>
    pipelined(paths, (text) => bodiesIn(text).length === paths.length).then(bodiesIn);

  const many = (count: number): string[] => Array.from({ length: count }, (_, index) => `/${count}x${index}`);

  /** So many quick ones that those after them are held for each other. */
  beforeEach(async () => {
    for (let round = 0; round < 20; round += 1) await answers(many(40));
  });

  it("all leave, in the order of their requests, however many there are", async () => {
    for (const count of [1, 2, 40, 3, 50, 17]) expect(await answers(many(count))).toEqual(many(count));
  });

  it("leave also where user code has put its own timers in place of Node's", async () => {
    expect(await answers(["/fake", "/a"])).toEqual(["/fake", "/a"]);
    expect(await answers(["/b", "/c"])).toEqual(["/b", "/c"]);
  });

  it("leave also where another request ends the process in that turn", async () => {
    expect(bodiesIn(await pipelined(["/a", "/exit"], () => false))).toEqual(["/a"]);
    expect(await runtime.exited).toBe(3);
  });
});
