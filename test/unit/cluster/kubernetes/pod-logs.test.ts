import { afterEach, describe, expect, it } from "@jest/globals";
import type { ServerResponse } from "node:http";
import type { InstanceOutput } from "../../../../src/cluster/cluster-driver.js";
import type { KubeApi, KubeRequest } from "../../../../src/cluster/kubernetes/kube-api.js";
import { KubeError } from "../../../../src/cluster/kubernetes/kube-error.js";
import { PodLogs } from "../../../../src/cluster/kubernetes/pod-logs.js";
import { defaultOutputBounds, maxLineBytes } from "../../../../src/cluster/output-reader.js";
import { systemClock, type Clock } from "../../../../src/lib/clock.js";
import { silentLogger } from "../../../../src/lib/logger.js";
import { aFakeKube, answerJson, type FakeKube } from "./fake-api.js";

/** Waits take a twentieth of their time. */
const hasty: Clock = { ...systemClock, after: (ms, task) => systemClock.after(ms / 20, task) };

describe("PodLogs", () => {
  let kube: FakeKube | undefined;
  let logs: PodLogs | undefined;

  afterEach(async () => {
    logs?.stop();
    await kube?.stop();
  });

  /** What is told of a pod whose log is read that often, with these answers, until it is no more. */
  async function toldOf(answers: readonly string[], since?: Date): Promise<InstanceOutput[]> {
    const told: InstanceOutput[] = [];
    let asked = 0;
    let ended: () => void = () => {};
    const isGone = new Promise<void>((resolve) => (ended = resolve));
    const answer = (_url: URL, res: ServerResponse): void => {
      const text = answers[asked++];
      if (text !== undefined) return void res.writeHead(200, { "content-type": "text/plain" }).end(text);
      answerJson(res, { kind: "Status", code: 404 }, 404);
      ended();
    };
    kube = await aFakeKube(answer);
    const onOutput = (output: InstanceOutput): void => void told.push(output);
    const parts = { api: kube.api, clock: hasty, logger: silentLogger, bounds: defaultOutputBounds, onOutput };
    logs = new PodLogs({ ...parts, path: "/api/v1/namespaces/x/pods" });
    logs.begin();
    logs.follow({ id: "one", name: "pod-one", since: () => Promise.resolve(since) });
    await isGone;
    return told;
  }

  it("are the node's affair: one that does not answer is no outage of the API", async () => {
    kube = await aFakeKube(() => {});
    const { api } = kube;
    const asked = await new Promise<KubeRequest>((resolve) => {
      const stream: KubeApi["stream"] = (request) => {
        resolve(request);
        return Promise.reject(new KubeError(404, "NotFound", "no pod"));
      };
      const kept = { call: () => Promise.reject(new Error("none")), ask: () => Promise.reject(new Error("none")) };
      const calls = { ...kept, stream, outage: api.outage };
      const parts = { clock: hasty, logger: silentLogger, bounds: defaultOutputBounds, onOutput: () => {} };
      logs = new PodLogs({ ...parts, api: calls, path: "/pods" });
      logs.begin();
      logs.follow({ id: "one", name: "pod-one", since: () => Promise.resolve(undefined) });
    });
    expect(asked).toMatchObject({ path: "/pods/pod-one/log", isOfNode: true });
  });

  const texts = (told: readonly InstanceOutput[]): string[] => told.map(({ text }) => text);

  it("tells nothing that the node itself says in place of a log, however often it does", async () => {
    const told = await toldOf([
      "unable to retrieve container logs for containerd://0123",
      "2030-01-01T00:00:00.5Z before\nrpc error: code = NotFound desc = an error occurred when try to find container",
      "unable to retrieve container logs for containerd://0123",
      "2030-01-01T00:00:00.5Z before\n2030-01-01T00:00:01Z after\n",
    ]);
    expect(told).toEqual([
      { instanceId: "one", stream: "STDOUT", text: "before", at: new Date("2030-01-01T00:00:00.500Z") },
      { instanceId: "one", stream: "STDOUT", text: "after", at: new Date("2030-01-01T00:00:01Z") },
    ]);
  });

  it("tells nothing again that was kept by the time that its runtime wrote into it, however late it was stamped", async () => {
    const printed = (stamp: string, t: string, m: string): string =>
      `2030-01-01T00:00:${stamp}Z ${JSON.stringify({ t: Date.parse(`2030-01-01T00:00:${t}Z`), s: "stdout", m })}\n`;
    const lines = [
      printed("01.0012", "01.000", "the last that was kept"),
      printed("01.900", "00.999", "kept, too"),
      printed("01.901", "01.001", "new"),
      printed("02.500", "00.000", "new, with a time of its own choosing"),
      `2030-01-01T00:00:01.5Z {"t":"not a time"}\n2030-01-01T00:00:01.6Z text\n`,
    ];
    const told = texts(await toldOf([lines.join("")], new Date("2030-01-01T00:00:01Z")));
    expect(told.map((text) => text.replace(/.*"m":"(.*)"}/, "$1"))).toEqual([
      "new",
      "new, with a time of its own choosing",
      '{"t":"not a time"}',
      "text",
    ]);
  });

  it("tells the rest of a line that is too long, which has no stamp of its own", async () => {
    const long = `2030-01-01T00:00:00Z ${"x".repeat(maxLineBytes)}the rest`;
    const told = texts(await toldOf([`${long}\nno stamp\n2030-01-01T00:00:01Z next\n`]));
    expect(told).toHaveLength(3);
    expect(told[0]).toMatch(/^x+$/);
    expect(told.slice(1)).toEqual([expect.stringMatching(/^x+the rest$/), "next"]);
  });
});
