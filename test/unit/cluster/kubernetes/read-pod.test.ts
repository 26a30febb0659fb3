import { describe, expect, it } from "@jest/globals";
import { poolTemplate } from "../../../../src/cluster/kubernetes/manifests.js";
import type { Pod } from "../../../../src/cluster/kubernetes/pod.js";
import { readPod } from "../../../../src/cluster/kubernetes/read-pod.js";
import { anEnvironment } from "../../../contract/environments.js";
import { aPod, environmentId, withContainer } from "./pods.js";

describe("What a pod is", () => {
  it("is a member of its pool as long as its labels say so", () => {
    expect(readPod(aPod())).toMatchObject({
      id: "uid-1",
      environmentId,
      isClaimed: false,
      isSpare: false,
      address: null,
    });
    const labels = { "fermi.dev/spare": environmentId };
    expect(readPod(aPod({ labels }))).toMatchObject({ isClaimed: false, isSpare: true });
  });

  it("is nothing to Fermi without an environment", () => {
    expect(readPod(aPod({ metadata: { labels: { "app.kubernetes.io/managed-by": "fermi" } } }))).toBeUndefined();
  });

  it("is claimed once it is in no pool, for what its labels say", () => {
    const own = { "fermi.dev/environment": environmentId };
    expect(readPod(aPod({ metadata: { labels: own } }))).toMatchObject({ isClaimed: true, specializedFor: null });
    const labels = { ...own, "fermi.dev/function": "f", "fermi.dev/version": "3" };
    const annotations = { "fermi.dev/requests-per-instance": "8" };
    expect(readPod(aPod({ metadata: { labels, annotations } }))).toMatchObject({
      specializedFor: { functionId: "f", version: 3, requestsPerInstance: 8 },
    });
  });

  it("says what it was started from: its annotation and, of its contract, its fetcher", () => {
    const annotations = { "fermi.dev/environment-template": "1a2b" };
    const { labels = {} } = aPod().metadata;
    expect(readPod(aPod({ metadata: { labels, annotations } }))).toMatchObject({ environmentTemplate: "1a2b" });
    expect(readPod(aPod())).toMatchObject({ environmentTemplate: "" });
    for (const contract of ["FERMI", "FISSION_V1", "FISSION_V2"] as const) {
      const { spec } = poolTemplate(anEnvironment({ contract }), { image: "fermi/fermi:1", publicKey: "" });
      const pod = { ...aPod(), spec: spec as Pod["spec"] };
      expect(readPod(pod)).toMatchObject({ contract, hasFetcher: contract !== "FERMI" });
    }
  });

  it("has an address as a URL takes it", () => {
    expect(readPod(aPod({ status: { podIP: "10.0.0.7" } }))).toMatchObject({
      host: "10.0.0.7",
      address: "10.0.0.7:8888",
    });
    expect(readPod(aPod({ status: { podIP: "fd00::7" } }))).toMatchObject({
      host: "fd00::7",
      address: "[fd00::7]:8888",
    });
  });

  it("counts how often its container has ended, a present end included", () => {
    expect(readPod(withContainer({ restartCount: 2, state: { running: {} } }))?.ends).toBe(2);
    expect(readPod(withContainer({ restartCount: 2, state: { terminated: { exitCode: 1 } } }))?.ends).toBe(3);
  });

  it("is over when it does not start again by itself", () => {
    expect(readPod(aPod({ status: { phase: "Failed" } }))?.isOver).toBe(true);
    const pod = withContainer({ state: { terminated: { exitCode: 0 } } }, { phase: "Running" });
    expect(readPod(pod)?.isOver).toBe(false);
    const metadata = { ...pod.metadata, deletionTimestamp: "2026-01-02T03:04:06Z" };
    expect(readPod({ ...pod, metadata })).toMatchObject({ isOver: true, isDeleting: true });
  });
});
