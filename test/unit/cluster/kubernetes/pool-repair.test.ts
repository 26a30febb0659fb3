import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { ServerResponse } from "node:http";
import { FetcherSigner } from "../../../../src/fetcher/signature.js";
import { KubeInstance } from "../../../../src/cluster/kubernetes/kube-instance.js";
import { readPod } from "../../../../src/cluster/kubernetes/read-pod.js";
import { KubePool } from "../../../../src/cluster/kubernetes/kube-pool.js";
import { KubernetesDriver } from "../../../../src/cluster/kubernetes/kubernetes-driver.js";
import { poolDeployment, poolTemplate, type PoolTemplate } from "../../../../src/cluster/kubernetes/manifests.js";
import { readDeployment, type PoolDeployment } from "../../../../src/cluster/kubernetes/read-deployment.js";
import { defaultOutputBounds } from "../../../../src/cluster/output-reader.js";
import { systemClock, type Clock } from "../../../../src/lib/clock.js";
import { silentLogger } from "../../../../src/lib/logger.js";
import type { Environment } from "../../../../src/model/environment.js";
import { anEnvironment } from "../../../contract/environments.js";
import { aFakeKube, answerJson, type FakeKube } from "./fake-api.js";
import { aPod } from "./pods.js";

/** Waits take a twentieth of their time. */
const hasty: Clock = { ...systemClock, after: (ms, task) => systemClock.after(ms / 20, task) };
const byFermi = { manager: "fermi", operation: "Apply", fieldsV1: { "f:spec": { "f:template": { "f:spec": {} } } } };
const byHand = { ...byFermi, manager: "kubectl-edit", operation: "Update" };

const templateOf = (environment: Environment): PoolTemplate =>
  poolTemplate(environment, { image: null, publicKey: "" });
/** As the API sends it. */
const deploymentOf = (environment: Environment): PoolDeployment =>
  JSON.parse(JSON.stringify(poolDeployment(environment, templateOf(environment)))) as PoolDeployment;

describe("A pool's Deployment that somebody changes", () => {
  let kube: FakeKube;
  let driver: KubernetesDriver;
  let environment: Environment;
  /** What was asked of Deployments, in order. */
  let writes: string[];
  let watching: ServerResponse | undefined;
  let waiting: (() => void)[];
  /** The cluster's. */
  let generation: number;
  let version: number;
  let owners: object[];
  let failures: number;

  const deployment = (): object => {
    const { metadata, spec } = deploymentOf(environment);
    const state = { uid: "uid-1", resourceVersion: String(++version), generation, managedFields: owners };
    return { metadata: { ...metadata, ...state }, spec };
  };
  /** The cluster tells of it as it is now. */
  const tell = (): void => {
    watching?.write(`${JSON.stringify({ type: "MODIFIED", object: deployment() })}\n`);
  };
  const changed = (): void => {
    for (const look of waiting) look();
  };
  const until = (isSo: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (isSo()) resolve();
      };
      waiting.push(look);
      look();
    });

  const write = (method: string, res: ServerResponse): void => {
    writes.push(method);
    if (method === "DELETE") owners = [byFermi];
    if (failures > 0) {
      failures--;
      answerJson(res, { message: "no" }, 403);
    } else answerJson(res, deployment());
    changed();
  };

  beforeEach(async () => {
    [writes, waiting, watching, generation, version, owners, failures] = [[], [], undefined, 1, 1, [byFermi], 0];
    environment = anEnvironment({ poolSize: 1 });
    kube = await aFakeKube((url, res, method) => {
      const isOfPools = url.pathname.includes("/deployments");
      if (method !== "GET") return write(method, res);
      if (url.searchParams.get("watch") !== "true") {
        return answerJson(res, { metadata: { resourceVersion: "1" }, items: [] });
      }
      res.writeHead(200, { "content-type": "application/json" }).flushHeaders();
      if (isOfPools) watching = res;
      changed();
    });
    driver = new KubernetesDriver({
      ...{
        api: kube.api,
        clock: hasty,
        logger: silentLogger,
        namespace: "pods",
        since: () => Promise.resolve(undefined),
      },
      outputBounds: defaultOutputBounds,
      fetcher: { image: null, secret: "a secret" },
    });
    driver.start();
    await until(() => watching !== undefined);
    await driver.ensurePool(environment);
  });
  afterEach(async () => {
    await driver.stop();
    await kube.stop();
  });

  it("is written again when it was changed", async () => {
    generation = 2;
    tell();
    generation = 3;
    await until(() => writes.length === 2);
    expect(writes).toEqual(["PATCH", "PATCH"]);
  });

  it("is made anew where what was added to its pods stays otherwise", async () => {
    owners = [byFermi, byHand];
    generation = 2;
    tell();
    await until(() => writes.length === 4);
    expect(writes).toEqual(["PATCH", "PATCH", "DELETE", "PATCH"]);
  });

  it("is written again later where that was refused", async () => {
    generation = 2;
    failures = 1;
    tell();
    await until(() => writes.length === 3);
    expect(writes).toEqual(["PATCH", "PATCH", "PATCH"]);
  });
});

describe("Whether a pool's Deployment is to be written again", () => {
  const environment = anEnvironment({ poolSize: 1 });
  const template = templateOf(environment);
  const { metadata, spec } = deploymentOf(environment);

  function needsRepair(seen: object, replicas = 1): boolean {
    const pool = new KubePool(environment.id);
    pool.wanted = { environment, template };
    pool.left = { uid: "uid-1", generation: 4 };
    const state = { uid: "uid-1", name: "x", resourceVersion: "1", generation: 4, ...seen };
    pool.seen = readDeployment({ metadata: { ...metadata, ...state }, spec: { ...spec, replicas } });
    return pool.needsRepair;
  }

  it("follows from its generation, which is that of the last write where nobody has changed it", () => {
    expect(needsRepair({})).toBe(false);
    expect(needsRepair({ resourceVersion: "99" })).toBe(false);
    expect(needsRepair({ generation: 5 })).toBe(true);
    expect(needsRepair({ generation: 3 })).toBe(false);
    expect(needsRepair({ generation: 1, uid: "uid-2" })).toBe(true);
  });

  it("follows from its size and template at whatever generation, but not while it is being deleted", () => {
    expect(needsRepair({}, 0)).toBe(true);
    expect(needsRepair({ labels: {} })).toBe(true);
    expect(needsRepair({ generation: 5, deletionTimestamp: "2026-01-02T03:04:06Z" })).toBe(false);
  });

  it("holds where there is none, and never for a pool that nobody wants", () => {
    const pool = new KubePool(environment.id);
    expect(pool.needsRepair).toBe(false);
    pool.wanted = { environment, template };
    expect(pool.needsRepair).toBe(true);
  });
});

describe("A pod of a Deployment that somebody has changed", () => {
  const environment = anEnvironment({ poolSize: 1, image: "team/node:20" });
  const template = templateOf(environment);

  /** A pool with one pod, warm, that bears the template's label. */
  async function withPod(image: string): Promise<KubePool> {
    const kube = await aFakeKube((_url, res) => void res.end());
    await kube.stop();
    const pod = aPod({ labels: { "fermi.dev/template": template.hash } });
    const facts = readPod({ ...pod, spec: { containers: [{ name: "function", image }] } })!;
    const signer = new FetcherSigner("a secret");
    const instance = new KubeInstance(facts, { api: kube.api, clock: systemClock, path: "/pods", signer });
    instance.isWarm = true;
    const pool = new KubePool(environment.id);
    pool.wanted = { environment, template };
    pool.unclaimed.set(instance.id, instance);
    return pool;
  }

  it("is never handed out, and goes", async () => {
    const pool = await withPod("evil/evil:1");
    expect(pool.next).toBeUndefined();
    expect(pool.surplus.map(({ id }) => id)).toEqual(["uid-1"]);
  });

  it("is handed out where it runs what the environment says", async () => {
    const pool = await withPod("team/node:20");
    expect(pool.next?.id).toBe("uid-1");
    expect(pool.surplus).toEqual([]);
  });
});
