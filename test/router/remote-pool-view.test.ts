/** What another process shows of the pools, over real sockets. */
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "../../src/lib/clock.js";
import { silentLogger } from "../../src/lib/logger.js";
import type { Instance, Pool } from "../../src/model/instance.js";
import type { PoolView } from "../../src/model/pool-view.js";
import type { Leader } from "../../src/poolmgr/poolmgr-endpoint.js";
import { RemotePoolView } from "../../src/poolmgr/remote-pool-view.js";
import { dialTo, PoolmgrProcess } from "./support/poolmgr-process.js";
import { until } from "./support/until.js";

const at = new Date("2026-08-01T12:00:00.123Z");
const instance = (id: string, change: Partial<Instance> = {}): Instance => ({
  ...{ id, state: "WARM", address: "127.0.0.1:1", environmentId: "env", functionId: null, functionVersion: null },
  ...{ inFlight: 0, startedAt: at, specializedAt: null, lastUsedAt: null, problem: null },
  ...change,
});
const pool = (environmentId: string, instances: Instance[] = []): Pool => ({
  ...{ environmentId, warm: instances.length, starting: 0, specialized: 0, problem: null, instances },
});
const ready = instance("b", { state: "READY", functionId: "fn", functionVersion: 2, inFlight: 1, specializedAt: at });

class FakeView implements PoolView {
  present: Pool[] = [];
  listeners = new Set<(environmentId: string) => void>();

  pools(): readonly Pool[] {
    return this.present;
  }

  instancesOf(): readonly Instance[] {
    return [];
  }

  onChange(listener: (environmentId: string) => void): { stop(): void } {
    this.listeners.add(listener);
    return { stop: () => void this.listeners.delete(listener) };
  }

  change(present: Pool[]): void {
    this.present = present;
    for (const listener of this.listeners) listener("env");
  }

  get leader(): Leader {
    return {
      hub: { connect: () => ({ receive: () => {}, end: () => {} }) },
      view: this,
    };
  }
}

describe("RemotePoolView", () => {
  let process: PoolmgrProcess;
  let shown: FakeView;
  let view: RemotePoolView;
  let changes: string[];

  beforeEach(async () => {
    shown = new FakeView();
    process = await PoolmgrProcess.start();
    process.leader = shown.leader;
    view = new RemotePoolView(dialTo(process.port), systemClock, silentLogger);
    changes = [];
    view.onChange((environmentId) => void changes.push(environmentId));
  });
  afterEach(async () => {
    view.stop();
    await process.stop();
  });
  const connected = () => until("it is connected", () => view.check().ok);

  it("shows the pools as they are there, and says what has changed", async () => {
    shown.present = [pool("env", [instance("a"), ready]), pool("other")];
    expect(view.pools()).toEqual([]);
    view.start();
    await connected();
    expect(view.pools()).toEqual(shown.present);
    expect(view.instancesOf("fn")).toEqual([ready]);
    changes.length = 0;
    shown.change([pool("env", [ready])]);
    await until("it has changed", () => view.pools().length === 1);
    expect(view.pools()).toEqual([pool("env", [ready])]);
    expect(changes.sort()).toEqual(["env", "other"]);
  });

  it("shows what instances do a moment later, without calling that a change", async () => {
    shown.present = [pool("env", [ready])];
    view.start();
    await connected();
    changes.length = 0;
    shown.present = [pool("env", [{ ...ready, inFlight: 7 }])];
    await until("it is shown", () => view.instancesOf("fn")[0]?.inFlight === 7);
    expect(changes).toEqual([]);
  });

  it("says what is wrong with a pool and with an instance, and that this is a change", async () => {
    shown.present = [pool("env", [instance("a", { state: "STARTING", address: null })])];
    view.start();
    await connected();
    changes.length = 0;
    const problem = "The image can't be pulled.";
    const broken = { ...pool("env", [instance("a", { state: "STARTING", address: null, problem })]), problem };
    shown.change([broken]);
    await until("it is shown", () => view.pools()[0]?.problem === problem);
    expect(view.pools()).toEqual([broken]);
    expect(changes).toEqual(["env"]);
  });

  it("goes on showing what it knew while no pool manager leads, says so, and drops what is gone when one does", async () => {
    shown.present = [pool("env", [ready]), pool("other")];
    view.start();
    await connected();
    process.leader = undefined;
    await until("it is away", () => !view.check().ok);
    await until("it has asked again", () => view.check().message.includes("does not lead"));
    expect(view.check().message).toMatch(/^For \d+ s no pool manager was reached; pools are shown as they were: /);
    expect(view.pools()).toHaveLength(2);
    shown.present = [pool("other")];
    process.leader = shown.leader;
    await connected();
    expect(view.pools()).toEqual([pool("other")]);
    expect(changes).toContain("env");
  });
});
