import { describe, expect, it } from "@jest/globals";
import { endReason, hasFailedByItself, startProblem } from "../../../../src/cluster/kubernetes/pod-problem.js";
import { aPod, withContainer } from "./pods.js";

const waiting = (reason: string, message?: string): ReturnType<typeof aPod> =>
  withContainer({ state: { waiting: { reason, ...(message !== undefined && { message }) } } });

describe("A pod's problem at its start", () => {
  it("is none while it is being made", () => {
    expect(startProblem(aPod())).toBeNull();
    expect(startProblem(waiting("ContainerCreating"))).toBeNull();
    expect(startProblem(withContainer({ state: { running: {} } }))).toBeNull();
  });

  it.each([
    ["rpc error: manifest for team/node:20 not found", "there is no such image"],
    ["pull access denied, repository does not exist or may require authorization", "there is no such image"],
    [
      "failed to authorize: 401 Unauthorized",
      "the registry refuses access; imagePullSecrets of the pod template may be missing",
    ],
    ["dial tcp 10.1.2.3:5000: i/o timeout", "the registry can't be reached"],
  ])("says what %p means, without addresses", (message, cause) => {
    expect(startProblem(waiting("ErrImagePull", message))).toBe(
      `the image team/node:20 can't be pulled (ErrImagePull: ${cause})`,
    );
  });

  it("keeps the cause while the node waits before it pulls again", () => {
    const first = startProblem(waiting("ErrImagePull", "not found"));
    expect(startProblem(waiting("ImagePullBackOff", 'Back-off pulling image "team/node:20"'), first)).toBe(first);
    expect(startProblem(waiting("ImagePullBackOff"))).toBe("the image team/node:20 can't be pulled (ImagePullBackOff)");
  });

  const full = "no node has room for another instance";
  const unsuited = "no node is one that the pod template allows (nodeSelector, affinity, topologySpreadConstraints)";

  it.each([
    [full, "3 Insufficient memory"],
    [full, "1 Too many pods, 2 node(s) didn't match Pod's node affinity/selector"],
    [unsuited, "3 node(s) didn't match Pod's node affinity/selector"],
    [unsuited, "3 node(s) didn't match pod anti-affinity rules"],
    [unsuited, "3 node(s) didn't match pod topology spread constraints"],
    [unsuited, "1 node(s) had untolerated taint {a: b}, 2 node(s) didn't match Pod's node affinity/selector"],
    ["no node takes another instance", "3 node(s) had untolerated taint {node.kubernetes.io/not-ready: }"],
  ])("is that %s where the scheduler says %p", (words, cause) => {
    const message = `0/3 nodes are available: ${cause}.`;
    const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }];
    const told = `${words} (Unschedulable: 0/3 nodes are available: ${cause})`;
    expect(startProblem(aPod({ status: { conditions } }))).toBe(told);
  });

  it("is what the container says before it ends again and again", () => {
    const message = '{"t":1,"s":"stderr","m":"Error: no port"}\n{"t":2,"s":"stderr","m":"the instance ends"}\n';
    const lastState = { terminated: { exitCode: 1, reason: "Error", message } };
    const pod = withContainer({ restartCount: 1, state: { waiting: { reason: "CrashLoopBackOff" } }, lastState });
    expect(startProblem(pod)).toBe("the image's container keeps ending: it exited with code 1: Error: no port");
    expect(startProblem(withContainer({ restartCount: 2, state: { running: {} }, lastState }))).toMatch(/keeps ending/);
  });

  it("is not yet one end alone", () => {
    const lastState = { terminated: { exitCode: 1 } };
    expect(startProblem(withContainer({ restartCount: 1, state: { running: {} }, lastState }))).toBeNull();
  });

  it.each([
    ["image will run as root", "runs as root; give it a USER that is a number other than 0"],
    [
      "image has non-numeric user (node), cannot verify user is non-root",
      "has a USER that is a name, which may be root's; give it one that is a number other than 0",
    ],
  ])("is the image's user, without the pod's name, where %p", (cause, words) => {
    const message = `container has runAsNonRoot and ${cause} (pod: "fermi-x_fermi-functions(0123-45)", container: function)`;
    expect(startProblem(waiting("CreateContainerConfigError", message))).toBe(`the image team/node:20 ${words}`);
  });

  it("is whatever else the node says against the container", () => {
    expect(startProblem(waiting("CreateContainerConfigError", 'secret "x" not found'))).toBe(
      'the container can\'t be started (CreateContainerConfigError: secret "x" not found)',
    );
  });
});

describe("A pod's end", () => {
  const ended = { deletionTimestamp: "2026-01-02T03:04:06Z" };

  it("has no reason where it was only deleted", () => {
    expect(endReason(aPod({ metadata: ended }))).toBeNull();
    const pod = withContainer({ state: { terminated: { exitCode: 0 } } });
    expect(endReason({ ...pod, metadata: { ...pod.metadata, ...ended } })).toBeNull();
  });

  it("is its memory limit, also where it was being deleted", () => {
    const pod = withContainer({ state: { terminated: { exitCode: 137, reason: "OOMKilled" } } });
    const reason = "used more than its memory limit of 64Mi (OOMKilled)";
    expect(endReason(pod)).toBe(reason);
    expect(endReason({ ...pod, metadata: { ...pod.metadata, ...ended } })).toBe(reason);
  });

  it("is its own end where it was started again and then told to end", () => {
    const state = { terminated: { exitCode: 143 } };
    const lastState = { terminated: { exitCode: 137, reason: "OOMKilled" } };
    const pod = withContainer({ restartCount: 1, state, lastState });
    const reason = "used more than its memory limit of 64Mi (OOMKilled)";
    expect(endReason({ ...pod, metadata: { ...pod.metadata, ...ended } })).toBe(reason);
  });

  it.each([
    [{ exitCode: 0 }, "exited"],
    [{ exitCode: 137 }, "was killed by SIGKILL"],
    [{ exitCode: 139, signal: 11 }, "was killed by signal 11"],
    [{ exitCode: 7, message: "one\ntwo\n" }, "exited with code 7: two"],
    [{ exitCode: 128, reason: "StartError", message: "no such file" }, "can't be started: no such file"],
  ])("is told of %j in words", (terminated, words) => {
    expect(endReason(withContainer({ restartCount: 1, lastState: { terminated } }))).toBe(words);
  });

  it.each([
    [
      { reason: "Evicted", message: "The node was low on resource: memory." },
      "was evicted from its node: The node was low on resource: memory",
    ],
    [{ reason: "NodeLost" }, "was lost with its node, which does not answer"],
    [{ reason: "NodeShutdown" }, "was ended with its node"],
    [{ reason: "UnexpectedAdmissionError", message: "no" }, "was ended by its node (UnexpectedAdmissionError: no)"],
  ])("is told of the node's %j in words", (status, words) => {
    expect(endReason(aPod({ status }))).toBe(words);
  });
});

describe("Whether what ended a pod says anything of its code", () => {
  const terminated = (exitCode: number, reason = "Error"): ReturnType<typeof aPod> =>
    withContainer({ state: { terminated: { exitCode, reason } } });
  const deleted = { ...aPod(), metadata: { ...aPod().metadata, deletionTimestamp: "2026-01-02T03:04:06Z" } };
  const evicted = withContainer({ state: { terminated: { exitCode: 1 } } }, { reason: "Evicted", message: "disk" });

  it.each([
    ["exited with a code", terminated(3), true],
    ["exited in order", terminated(0, "Completed"), true],
    ["had too little memory for it", terminated(137, "OOMKilled"), true],
    ["was killed", terminated(137), false],
    ["was deleted", deleted, false],
    ["was evicted", evicted, false],
    ["runs", withContainer({ state: { running: {} } }), false],
  ])("where it %s", (_what, pod, says) => {
    expect(hasFailedByItself(pod)).toBe(says);
  });
});
