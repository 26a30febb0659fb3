import { describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { describePython, nodejs, python, RuntimeProcess, type Command } from "./runtime-process.js";
import { untilTestEnds } from "./until-test-ends.js";

const keep = untilTestEnds();

/** More than all buffers on the way hold. */
const large = Buffer.alloc(16 * 1024 * 1024, "x");
const limit = 1_000;

/** Posts all of the body before it reads anything; resolves with what comes first. */
async function post(runtime: RuntimeProcess, body: Buffer, isChunked = false): Promise<string> {
  const headers = Object.entries({
    ...runtime.headers("an-id"),
    host: "x",
    "content-type": "text/plain",
    ...(isChunked ? { "transfer-encoding": "chunked" } : { "content-length": String(body.length) }),
  });
  const head = `POST / HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  const socket = runtime.connect();
  socket.write(isChunked ? `${head}${body.length.toString(16)}\r\n` : head);
  socket.write(body);
  await new Promise<void>((sent, failed) => {
    socket.on("error", failed);
    socket.write(isChunked ? "\r\n0\r\n\r\n" : "", (error) => (error ? failed(error) : sent()));
  });
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return answer.toString();
}

/** Waits for ever at /hold. */
const nodeSource = `module.exports = async ({ request }) => {
  if (request.path !== "/hold") return "fine";
  console.log("begun");
  return new Promise(() => {}); }`;

const pythonSource = `import threading
def main(context):
  if context.request.path != "/hold":
    return "fine"
  print("begun")
  threading.Event().wait()`;

function describeRefusals(name: string, command: Command, source: string): void {
  describe(`Refusals are read by a caller that sends all of its body first: ${name}`, () => {
    const serve = async (): Promise<RuntimeProcess> => {
      const runtime = keep(await RuntimeProcess.start(command, "--body-limit", String(limit)));
      await runtime.specialize(source, { requestsPerInstance: 1 });
      return runtime;
    };

    it("413 where the body is over the limit", async () => {
      const runtime = await serve();
      for (const isChunked of [false, true]) {
        for (const body of [large.subarray(0, limit + 1), large]) {
          expect(await post(runtime, body, isChunked)).toMatch(/^HTTP\/1\.1 413 /);
        }
        expect(await post(runtime, large.subarray(0, limit), isChunked)).toMatch(/^HTTP\/1\.1 200 /);
      }
    });

    it("413 where it is over the router's own limit, which counts where it is told", async () => {
      const runtime = keep(await RuntimeProcess.start(command, "--body-limit", String(limit)));
      const platformVariables = [{ name: "FERMI_MAX_BODY_MIB", value: "1" }];
      await runtime.specialize(source, { platformVariables });
      expect(await post(runtime, large.subarray(0, 1024 * 1024))).toMatch(/^HTTP\/1\.1 200 /);
      expect(await post(runtime, large.subarray(0, 1024 * 1024 + 1))).toMatch(/^HTTP\/1\.1 413 /);
    });

    it("503 where it is busy, so that the request may be sent elsewhere", async () => {
      const runtime = await serve();
      runtime.call({ path: "/hold" }).catch(() => {});
      await runtime.logged("begun");
      for (const body of [large.subarray(0, limit), large]) {
        expect(await post(runtime, body)).toMatch(/^HTTP\/1\.1 503 [^]*x-fermi-busy: 1/);
      }
    });

    it("and one that is gone by then harms nobody", async () => {
      const runtime = await serve();
      const socket = runtime.connect();
      await once(socket, "connect");
      socket.write("nonsense\r\n\r\n");
      socket.resetAndDestroy();
      expect((await runtime.call()).body).toBe("fine");
      expect(runtime.lines).toEqual([]);
      expect(runtime.stderr).toBe("");
    });
  });
}

describeRefusals("nodejs", nodejs, nodeSource);
describePython("in Python", () => describeRefusals("python", python, pythonSource));
