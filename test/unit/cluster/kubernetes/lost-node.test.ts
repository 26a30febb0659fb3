import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { Server, ServerResponse } from "node:http";
import type { ClusterInstance } from "../../../../src/cluster/cluster-driver.js";
import type { Environment } from "../../../../src/model/environment.js";
import { aRequest } from "../../../contract/cluster-driver.contract.js";
import { Changes } from "../../../contract/changes.js";
import { anEnvironment } from "../../../contract/environments.js";
import { answerJson } from "./fake-api.js";
import { aWarmPod, PodStage } from "./pod-stage.js";

const host = "127.0.0.42";
const ready = { conditions: [{ type: "Ready", status: "True" }] };
const notReady = { conditions: [{ type: "Ready", status: "False" }] };
const unhurried = (): AbortSignal => AbortSignal.timeout(20_000);

describe("A node that dies", () => {
  let stage: PodStage;
  let changes: Changes;
  let environment: Environment;
  let runtime: Server;
  let loading: ((res: ServerResponse) => void)[];

  beforeEach(async () => {
    environment = anEnvironment({ poolSize: 1 });
    stage = await PodStage.open();
    loading = [];
    runtime = await stage.runtime(host, { state: "generic" }, (res) => loading.shift()?.(res));
    changes = new Changes(stage.start());
    await stage.driver.ensurePool(environment);
    stage.put(aWarmPod(environment, host, ready));
    await changes.untilWarm(environment.id, 1);
  });
  afterEach(async () => {
    changes.stop();
    await stage.close();
  });

  const claim = (): Promise<ClusterInstance> => stage.driver.claim(environment.id, unhurried());
  /** The connection that is open already stays so, and nothing comes over it. */
  const load = async (onAsked: (res: ServerResponse) => void): Promise<void> => {
    const instance = await claim();
    loading.push(onAsked);
    await stage.driver.specialize(instance, aRequest(""), unhurried());
  };

  it("is why code does not load there, and not the code", async () => {
    await expect(load(() => runtime.close())).rejects.toMatchObject({
      code: "CLUSTER_UNAVAILABLE",
      message: "The instance can't be specialized: it takes no connection any more.",
    });
  });

  it("is told from code that takes its time", async () => {
    await load((res) => setTimeout(() => answerJson(res, {}), 400));
    expect(changes.of(environment.id, "READY")).toHaveLength(1);
  });

  it("has its pods handed out to nobody once they are not ready any more, and others are made for who waits", async () => {
    stage.put(aWarmPod(environment, host, notReady));
    const other = aWarmPod(environment, host, notReady);
    stage.put({ ...other, metadata: { ...other.metadata, uid: "just-come-up", name: "other" } });
    await changes.untilWarm(environment.id, 2);
    await stage.driver.ensurePool({ ...environment, poolSize: 2 });
    expect(await claim()).toMatchObject({ id: "just-come-up" });
    await stage.driver.ensurePool(environment);
    const claimed = claim();
    await stage.untilAsked("POST pods");
    stage.put(aWarmPod(environment, host, ready));
    expect(await claimed).toMatchObject({ id: "uid-1" });
  });
});
