import { afterAll, afterEach, beforeAll, expect, it } from "@jest/globals";
import { KubeLease } from "../../src/cluster/kubernetes/kube-lease.js";
import type { KubeApi } from "../../src/cluster/kubernetes/kube-api.js";
import { systemClock } from "../../src/lib/clock.js";
import { silentLogger } from "../../src/lib/logger.js";
import { newId } from "../../src/lib/new-id.js";
import { Contender } from "./support/contender.js";
import { until } from "./support/until.js";
import { aNamespace, connect, describeOnCluster } from "./support/test-cluster.js";

const takeOverMs = 15_000;

describeOnCluster("KubeLease", () => {
  let api: KubeApi;
  let namespace: string;
  let remove: () => Promise<void>;
  const leases: KubeLease[] = [];
  const contenders: Contender[] = [];

  beforeAll(async () => {
    api = connect();
    ({ namespace, remove } = await aNamespace(api));
  });
  afterEach(async () => {
    for (const contender of contenders.splice(0)) contender.signal("SIGKILL");
    await Promise.all(leases.splice(0).map((lease) => lease.stop()));
  });
  afterAll(async () => {
    await remove();
    api.close();
  });

  const aLease = (name: string, identity = newId()): KubeLease => {
    const lease = new KubeLease({ api, clock: systemClock, logger: silentLogger, namespace, name, identity });
    leases.push(lease);
    return lease;
  };
  const untilAborted = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
  /** Resolves when the lease is won; the term lasts until it is lost. */
  const won = (lease: KubeLease): Promise<AbortSignal> =>
    new Promise((resolve) => {
      lease.start((signal) => {
        resolve(signal);
        return untilAborted(signal);
      });
    });
  const aContender = (identity: string): Contender => {
    const contender = new Contender(namespace, identity);
    contenders.push(contender);
    return contender;
  };

  it("is held by one of two, and by the other at once when that gives it up", async () => {
    const [first, second] = [aLease("handed-over", "first"), aLease("handed-over", "second")];
    await won(first);
    expect(first.isHeld).toBe(true);
    const next = won(second);
    expect(second.isHeld).toBe(false);
    const stopping = performance.now();
    await first.stop();
    expect(first.isHeld).toBe(false);
    await next;
    expect(performance.now() - stopping).toBeLessThan(3_000);
    expect(second.describe()).toMatch(/^This process \(second\) holds the lease handed-over/);
  });

  it("is kept while the work of a term that was stopped winds down", async () => {
    const [first, second] = [aLease("winding-down"), aLease("winding-down")];
    let finish = (): void => {};
    await new Promise<void>((resolve) => {
      first.start(async (signal) => {
        resolve();
        await untilAborted(signal);
        await new Promise<void>((done) => (finish = done));
      });
    });
    let isNext = false;
    const next = won(second).then(() => (isNext = true));
    const stopped = first.stop();
    await untilAborted(AbortSignal.timeout(2_500));
    expect({ isHeld: first.isHeld, isNext }).toEqual({ isHeld: true, isNext: false });
    finish();
    await stopped;
    await next;
  });

  it("is given up when the term's work ends by itself", async () => {
    const [first, second] = [aLease("ended"), aLease("ended")];
    first.start(() => Promise.reject(new Error("the work failed")));
    await won(second);
    expect(first.isHeld).toBe(false);
  });

  it("is taken over when its holder is killed", async () => {
    const first = aContender("killed");
    await first.says("won");
    const second = aContender("survivor");
    await second.says("waits");
    const taken = second.says("won");
    first.signal("SIGKILL");
    expect(await taken).toBeLessThan(takeOverMs);
  });

  it("is known to be lost by a holder that was stopped meanwhile, at the first look", async () => {
    const first = aContender("paused");
    const second = aContender("awake");
    const [winner, loser] = await Promise.race([
      first.says("won").then(() => [first, second] as const),
      second.says("won").then(() => [second, first] as const),
    ]);
    const taken = loser.says("won");
    winner.signal("SIGSTOP");
    expect(await taken).toBeLessThan(takeOverMs);
    const afterwards = winner.until("lost");
    winner.signal("SIGCONT");
    const said = await afterwards;
    // What was on its way before it was stopped may still come; what it computes after it woke is right.
    expect(said.filter((line) => line === "holds").length).toBeLessThanOrEqual(1);
    await loser.says("holds");
  });

  it("says why it can't be had", async () => {
    const lease = new KubeLease({
      api,
      clock: systemClock,
      logger: silentLogger,
      namespace: "no-such-namespace",
      name: "leader",
      identity: "lost",
    });
    leases.push(lease);
    void won(lease);
    await until("the reason", () => lease.describe().includes('namespaces "no-such-namespace" not found'));
  });
});
