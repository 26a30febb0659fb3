/**
 * Two pool managers over one cluster, and two routers under load, all over real sockets: whoever leads may vanish at any
 * moment, and nobody who calls a function notices.
 */
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import http from "node:http";
import { MemoryDriver } from "../../src/cluster/memory/memory-driver.js";
import { systemClock } from "../../src/lib/clock.js";
import { silentLogger } from "../../src/lib/logger.js";
import { FencedDriver } from "../../src/poolmgr/fenced-driver.js";
import { PoolManager } from "../../src/poolmgr/pool-manager.js";
import { reaches } from "../../src/poolmgr/reaches.js";
import { Router } from "../../src/router/router.js";
import { anEnvironment } from "../unit/poolmgr/support/builders.js";
import { FakeSource as FakePoolSource } from "../unit/poolmgr/support/fake-source.js";
import { FakeRecorder } from "./support/fake-recorder.js";
import { linkTo, PoolmgrProcess } from "./support/poolmgr-process.js";
import { aFunction, aTrigger } from "./support/route-builders.js";
import { FakeSource, internalAuth } from "./support/router-stage.js";
import { until } from "./support/until.js";

const requestsPerInstance = 3;
const names = ["warm0", "warm1", "warm2", "cold0", "cold1", "cold2"];
const settings = { requestsPerInstance, maxInstances: 4, idleTimeoutSeconds: 2, timeoutSeconds: 20 };
const functions = names.map((name) => aFunction(name, { environmentId: "env", settings }));

/** One that leads until it is told that it does not. */
interface Term {
  readonly manager: PoolManager;
  isHeld: boolean;
}

class Cluster {
  /** Requests in each instance now, and at most. */
  readonly busy: { now: number; most: number }[] = [];
  readonly ended: string[] = [];
  readonly driver = new MemoryDriver({
    outlivesProcess: true,
    specializeDelayMs: 5,
    load: () => {
      const counter = { now: 0, most: 0 };
      this.busy.push(counter);
      return (_req, res) => {
        counter.most = Math.max(counter.most, ++counter.now);
        setTimeout(() => {
          counter.now--;
          res.end("hello");
        }, 5);
      };
    },
  });
  readonly source = new FakePoolSource();
  readonly terms: Term[] = [];
  processes: PoolmgrProcess[] = [];
  routers: { readonly router: Router; readonly port: number }[] = [];

  async start(): Promise<void> {
    this.source.environments = [anEnvironment({ poolSize: 3 })];
    this.source.functions = functions;
    const first = await PoolmgrProcess.start("127.0.0.1");
    this.processes = [first, await PoolmgrProcess.start("127.0.0.2", first.port)];
    for (let i = 0; i < 2; i++) {
      const source = new FakeSource(
        functions,
        names.map((name) => aTrigger(`/${name}`, { functionId: `id-of-${name}` })),
      );
      const router = new Router({
        ...{ host: "127.0.0.1", port: 0, source, recorder: new FakeRecorder(), internalAuth },
        ...{ clock: systemClock, logger: silentLogger, link: linkTo(first.port, ["127.0.0.1", "127.0.0.2"]) },
      });
      this.routers.push({ router, port: (await router.start()).port });
    }
  }

  /** The process with this number begins to lead. */
  async lead(number: number): Promise<Term> {
    const process = this.processes[number]!;
    const driver = new FencedDriver(this.driver, () => term.isHeld);
    const term: Term = {
      isHeld: true,
      manager: new PoolManager({
        ...{ driver, source: this.source, clock: systemClock, logger: silentLogger },
        keyOf: (id) => `key of ${id}`,
        reaches,
        maxInstances: Infinity,
        codeCacheBytes: 1024 * 1024,
        metrics: { coldStart: () => {}, failure: () => {}, claimsWaiting: () => {} },
        onEvent: () => {},
      }),
    };
    this.terms.push(term);
    await term.manager.start();
    process.leader = term.manager;
    return term;
  }

  async stop(): Promise<void> {
    for (const { router } of this.routers) await router.stop(1_000);
    for (const process of this.processes) await process.stop();
    for (const { manager } of this.terms) await manager.abandon();
    await this.driver.stop();
  }

  get instances(): string[] {
    const ids: string[] = [];
    void this.driver.watch(({ instance }) => instance.state === "READY" && ids.push(instance.id)).stop();
    return ids;
  }
}

describe("Pool managers that take over from one another", () => {
  let cluster: Cluster;
  const agent = new http.Agent({ keepAlive: true, maxSockets: 100 });
  let isLoaded = false;
  const answers: string[] = [];
  const loops: Promise<void>[] = [];

  const call = (router: number, name: string): Promise<string> =>
    new Promise((resolve) => {
      const { port } = cluster.routers[router]!;
      http
        .get({ port, host: "127.0.0.1", path: `/${name}`, agent }, (response) => {
          let body = "";
          response.on("data", (chunk: Buffer) => (body += chunk.toString()));
          response.on("end", () => resolve(`${response.statusCode} ${body}`));
        })
        .on("error", (error) => resolve(error.message));
    });

  /** Calls of warm functions through both routers, more at a time than one instance takes, until the test ends. */
  const load = (): void => {
    isLoaded = true;
    const loop = async (router: number, name: string): Promise<void> => {
      while (isLoaded) answers.push(await call(router, name));
    };
    for (const router of [0, 1]) {
      for (const name of names.slice(0, 3)) loops.push(loop(router, name), loop(router, name));
    }
  };
  const unload = async (): Promise<void> => {
    isLoaded = false;
    await Promise.all(loops.splice(0));
  };
  /** The load went on for so many calls. */
  const servedMore = (count: number): Promise<void> => {
    const before = answers.length;
    return until(`${count} more calls are answered`, () => answers.length >= before + count, 20_000);
  };
  const expectAllServed = (): void => {
    expect(answers.filter((answer) => answer !== "200 hello")).toEqual([]);
    expect(Math.max(...cluster.busy.map(({ most }) => most))).toBeLessThanOrEqual(requestsPerInstance);
  };

  beforeEach(async () => {
    cluster = new Cluster();
    answers.length = 0;
    await cluster.start();
  });
  afterEach(async () => {
    await unload();
    agent.destroy();
    await cluster.stop();
  });

  it("keep every instance and every request when the one that leads vanishes, and wakes up later", async () => {
    const first = await cluster.lead(0);
    await until("routers have joined", () => first.manager.isServing);
    load();
    await servedMore(300);
    const before = cluster.instances;

    // Its connections break; it goes on as if nothing were, but leads no more.
    await cluster.processes[0]!.kill();
    first.isHeld = false;
    await servedMore(300);
    const cold = [call(0, "cold0"), call(1, "cold1"), call(1, "cold2")];
    await servedMore(300);

    const second = await cluster.lead(1);
    expect(await Promise.all(cold)).toEqual(["200 hello", "200 hello", "200 hello"]);
    // The former one hears of no request any more, and would end what is idle by its account after two seconds.
    const idleSince = performance.now();
    await until("it would have reaped", () => performance.now() - idleSince > 4_500, 10_000);
    await unload();
    expectAllServed();
    expect(cluster.instances).toEqual(expect.arrayContaining(before));
    const used = second.manager.view.pools().flatMap(({ instances }) => instances);
    expect(used.filter(({ state }) => state === "READY").length).toBeGreaterThanOrEqual(before.length);
  }, 60_000);

  it("pass the lead back and forth without a request being lost", async () => {
    let leader = await cluster.lead(0);
    load();
    await servedMore(200);
    for (const number of [1, 0, 1]) {
      const former = leader;
      cluster.processes[1 - number]!.leader = undefined;
      await former.manager.stop();
      former.isHeld = false;
      const cold = call(number, `cold${number}`);
      leader = await cluster.lead(number);
      expect(await cold).toBe("200 hello");
      await servedMore(200);
    }
    await unload();
    expectAllServed();
    // Nothing was specialized twice: three functions that were warm all the time, and two that were cold once.
    const counts = new Map<string, number>();
    for (const { function: fn } of cluster.driver.specializations) counts.set(fn.id, (counts.get(fn.id) ?? 0) + 1);
    expect([...counts.values()].every((count) => count <= 2)).toBe(true);
  }, 60_000);
});
