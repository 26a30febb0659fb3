import { describe, expect, it } from "@jest/globals";
import { KubeInstance } from "../../../../src/cluster/kubernetes/kube-instance.js";
import type { ContainerStatus, Pod } from "../../../../src/cluster/kubernetes/pod.js";
import { readPod } from "../../../../src/cluster/kubernetes/read-pod.js";
import { FetcherSigner } from "../../../../src/fetcher/signature.js";
import { systemClock } from "../../../../src/lib/clock.js";
import { aFakeKube } from "./fake-api.js";
import { withContainer } from "./pods.js";

describe("How an instance ended", () => {
  const running: ContainerStatus = { name: "function", restartCount: 0, state: { running: {} } };
  const killed = { terminated: { exitCode: 137, reason: "OOMKilled" } };
  const words = "used more than its memory limit of 64Mi (OOMKilled)";

  /** What is known after each of these was seen, of an instance that has answered and was asked to end. */
  async function seen(...statuses: ContainerStatus[]): Promise<(string | null)[]> {
    const kube = await aFakeKube((_url, res) => void res.end());
    const facts = (pod: Pod): NonNullable<ReturnType<typeof readPod>> => readPod(pod)!;
    const signer = new FetcherSigner("a secret");
    const tools = { api: kube.api, clock: systemClock, path: "/pods", signer };
    const instance = new KubeInstance(facts(withContainer(running)), tools);
    instance.hasAnswered = true;
    instance.isEnding = true;
    const found = statuses.map((status) => {
      const pod = withContainer(status);
      const asked = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: "2026-01-02T03:04:06Z" } };
      instance.see(asked, facts(asked));
      return instance.endedBecause;
    });
    await kube.stop();
    return found;
  }

  it("is known also where it was asked to end before that was seen", async () => {
    expect(await seen(running, { ...running, state: killed })).toEqual([null, words]);
  });

  it("is the end seen first: the container started again after it ends because it is told to", async () => {
    const again = { ...running, restartCount: 1, lastState: killed };
    const ended = { ...running, restartCount: 1, state: { terminated: { exitCode: 1 } } };
    expect(await seen(again, ended)).toEqual([words, words]);
  });

  it("has no reason where it only did as it was told", async () => {
    expect(await seen({ ...running, state: { terminated: { exitCode: 143 } } })).toEqual([null]);
  });
});
