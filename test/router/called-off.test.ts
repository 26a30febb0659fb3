/** Attempts of asynchronous invocations that are called off while the function runs: their caller leaves the invoke door. */
import http from "node:http";
import net from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { newId } from "../../src/lib/new-id.js";
import { ask } from "./support/http-client.js";
import { aFunction } from "./support/route-builders.js";
import { internalAuth, Stage } from "./support/router-stage.js";
import { slotsAreBack } from "./support/slots-are-back.js";
import { until } from "./support/until.js";

const head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";

describe("Router: an attempt that is called off", () => {
  let stage: Stage;
  let instance: net.Socket | undefined;
  let hasEnded: boolean;
  beforeEach(async () => {
    [instance, hasEnded] = [undefined, false];
    const settings = { timeoutSeconds: 1 };
    const functions = [
      aFunction("hello"),
      aFunction("slow", { settings }),
      aFunction("fission", { contract: "FISSION_V2", settings }),
    ];
    stage = await Stage.start({ functions, triggers: [] });
  });
  afterEach(() => stage.stop());

  /** An instance of one slot that takes a request and says nothing. */
  const serve = (functionName: string, contract: "FERMI" | "FISSION_V2" = "FERMI"): Promise<unknown> =>
    stage.listen(
      net.createServer({ allowHalfOpen: true }, (socket) => {
        socket.once("data", () => (instance = socket));
        socket.once("end", () => (hasEnded = true));
      }),
      { functionId: `id-of-${functionName}`, slots: 1, contract },
    );

  const call = (functionName: string, invocationId?: string): http.ClientRequest => {
    const invoke = {
      ...{ functionId: `id-of-${functionName}`, version: null, method: "POST", path: "/", headers: [] },
      ...{ source: "GRAPHQL", triggerId: null, invocationId },
    };
    const content = Buffer.from(JSON.stringify(invoke)).toString("base64url");
    const path = "/-/invoke";
    const headers = { ...internalAuth.sign({ method: "POST", path, content }), "x-fermi-invoke": content };
    const options = { host: "127.0.0.1", port: stage.port, path, method: "POST", headers, agent: false };
    return http
      .request(options)
      .on("error", () => {})
      .end();
  };

  const callOff = async (functionName: string, invocationId?: string): Promise<void> => {
    const caller = call(functionName, invocationId);
    await until("the function runs", () => instance !== undefined);
    caller.destroy();
  };

  it("is told to the instance at once, and holds its slot until that has answered", async () => {
    await serve("hello");
    await callOff("hello", newId());
    await until("the instance is told", () => hasEnded);
    const first = instance;
    call("hello", newId());
    await until("the next one waits", () =>
      stage.poolmgr.of("DEMAND").some(({ waiting, inFlight }) => waiting === 1 && inFlight === 1),
    );
    instance?.write(`${head}ended`);
    await until("the next one runs", () => instance !== first);
    expect(stage.recorder.counted.map(({ status }) => status)).toEqual(["CANCELLED"]);
    expect(stage.poolmgr.of("SUSPECT")).toEqual([]);
    instance?.write(`${head}hello`);
    await slotsAreBack(stage);
  });

  it("waits for no more than the head of what the instance answers", async () => {
    await serve("hello");
    await callOff("hello", newId());
    await until("the instance is told", () => hasEnded);
    instance?.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    await slotsAreBack(stage);
    await until("the answer is broken off", () => {
      if (instance?.writable === true) instance.write("1\r\na\r\n");
      return stage.openUpstream === 0;
    });
  });

  it("does not blame an instance that hangs up", async () => {
    await serve("hello");
    await callOff("hello", newId());
    await until("the instance is told", () => hasEnded);
    instance?.destroy();
    await slotsAreBack(stage);
    expect(stage.poolmgr.of("SUSPECT")).toEqual([]);
  });

  it("ends at the function's time limit where the instance does not", async () => {
    await serve("slow");
    await callOff("slow", newId());
    await until("the instance is told", () => hasEnded);
    await slotsAreBack(stage);
    expect(stage.poolmgr.of("SUSPECT")).toMatchObject([{ reason: "TIMED_OUT" }]);
  });

  it.each<[string, string, string | undefined]>([
    ["an image of Fission's contracts", "fission", newId()],
    ["the function of a caller that was to be answered", "slow", undefined],
  ])("is not told to %s, which runs to its end", async (_what, name, invocationId) => {
    await serve(name, name === "fission" ? "FISSION_V2" : "FERMI");
    await callOff(name, invocationId);
    // What comes later is answered later.
    await ask(stage.port, "/-/healthz");
    expect(hasEnded).toBe(false);
    instance?.write(`${head}ended`);
    await slotsAreBack(stage);
    expect(stage.poolmgr.of("SUSPECT")).toEqual([]);
  });
});
