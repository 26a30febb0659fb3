import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FetcherSigner } from "../../../../src/fetcher/signature.js";
import { Changes } from "../../../contract/changes.js";
import { aPod, environmentId } from "./pods.js";
import { hasty, PodStage, stageSecret } from "./pod-stage.js";

const host = "127.0.0.41";
const functionId = "018f0000-0000-7000-8000-000000000002";

describe("A pod that somebody has claimed before", () => {
  let stage: PodStage;
  let changes: Changes;

  beforeEach(async () => {
    stage = await PodStage.open();
    await stage.runtime(host, { state: "specialized", functionId, version: 1 });
  });
  afterEach(async () => {
    changes.stop();
    await stage.close();
  });

  /** Found at start, with these annotations. */
  function find(annotations: Record<string, string>): void {
    const own = { "fermi.dev/environment": environmentId, "fermi.dev/function": functionId, "fermi.dev/version": "1" };
    const pod = aPod({ metadata: { labels: own, annotations }, status: { podIP: host } });
    stage.put({ ...pod, spec: { containers: [{ name: "function" }] } });
    changes = new Changes(stage.start());
  }
  const untilServing = (): Promise<void> =>
    changes.until("it serves", () => changes.of(environmentId, "READY").length === 1);

  it("goes on where its key is one of this installation's secret", async () => {
    find({ "fermi.dev/installation": new FetcherSigner(stageSecret).publicKey });
    await untilServing();
  });

  it("goes on where it does not say of which secret its key is, as those of earlier versions", async () => {
    find({});
    await untilServing();
  });

  it("has its log read once somebody reads along, from where it was left", async () => {
    stage.log = (res) => void res.writeHead(200).end("2030-01-01T00:00:00.5Z printed meanwhile\n");
    find({});
    await untilServing();
    // Longer than it takes until a log is read.
    await new Promise<void>((resolve) => void hasty.after(500, resolve));
    expect(await new Promise((resolve) => stage.driver.logs(({ text }) => resolve(text)))).toBe("printed meanwhile");
  });

  it("is deleted where its key is another secret's, within its own grace period", async () => {
    find({ "fermi.dev/installation": new FetcherSigner("another secret").publicKey });
    await stage.untilAsked("DELETE fermi-pool-x-1");
    expect(changes.all).toEqual([]);
  });
});
