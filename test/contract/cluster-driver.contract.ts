import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { randomBytes } from "node:crypto";
import type {
  ClusterDriver,
  ClusterInstance,
  InstanceOutput,
  SpecializeRequest,
} from "../../src/cluster/cluster-driver.js";
import { templateOf } from "../../src/cluster/instance-template.js";
import { newId } from "../../src/lib/new-id.js";
import { instanceMoves } from "../../src/model/instance-state.js";
import type { Environment } from "../../src/model/environment.js";
import { Changes } from "./changes.js";
import { anEnvironment } from "./environments.js";

/** A driver under test, and what a test needs that the port has no place for. */
export interface DriverSubject {
  readonly driver: ClusterDriver;
  /** Of Fermi's runtime for Node, where it isn't the usual one. */
  readonly image?: string;
  /** Code that loads, answers `Hello` to GET /, and prints `printed` while it loads. */
  readonly goodSource: string;
  /** Code that does not load, with `badSourceMessage` in the error. */
  readonly badSource: string;
  /** Code that never finishes to load. */
  readonly hangingSource: string;
  /** Kills the instance from outside, as a crash would. */
  crash(instance: ClusterInstance): void;
  /** Makes the pool of an environment impossible to fill, before it is ensured. */
  unfillable(environment: Environment): Environment | Promise<Environment>;
  /** Called after `ensurePool` of what `unfillable` gave. */
  breakPool?(environment: Environment): void;
  /** Ends the driver and all it holds. */
  stop(): Promise<void>;
}

export const badSourceMessage = "no such thing";
export const printed = "loading now";

export const aRequest = (source: string, change: Partial<SpecializeRequest> = {}): SpecializeRequest => ({
  function: { id: newId(), name: "hello", namespace: "default" },
  version: 1,
  entrypoint: null,
  variables: [],
  requestsPerInstance: 1,
  key: randomBytes(16).toString("hex"),
  code: { source, sha256: "0".repeat(64) },
  ...change,
});

const unhurried = (): AbortSignal => AbortSignal.timeout(20_000);

/** Every promise of the port; a driver is done when all of it passes. */
export function describeClusterDriver(name: string, make: () => Promise<DriverSubject>): void {
  describe(`ClusterDriver: ${name}`, () => {
    let subject: DriverSubject;
    let driver: ClusterDriver;
    let changes: Changes;
    let used: Environment[] = [];

    const ensure = async (environment: Environment): Promise<Environment> => {
      used.push(environment);
      await driver.ensurePool(environment);
      return environment;
    };
    const usual = (change: Partial<Environment>): Environment =>
      anEnvironment({ ...(subject.image !== undefined && { image: subject.image }), ...change });
    const pool = (change: Partial<Environment> = {}): Promise<Environment> => ensure(usual(change));
    const claim = ({ id }: Environment): Promise<ClusterInstance> => driver.claim(id, unhurried());

    beforeAll(async () => {
      subject = await make();
      driver = subject.driver;
    });
    afterAll(() => subject.stop());
    beforeEach(() => {
      used = [];
      changes = new Changes(driver);
    });
    afterEach(async () => {
      await Promise.all(used.map(({ id }) => driver.removePool(id)));
      const left = used.flatMap(({ id }) => changes.of(id));
      await Promise.all(left.map(({ id }) => driver.end(id, 0)));
      changes.stop();
    });

    describe("pool", () => {
      it("is filled with as many warm instances as asked for, each with an address of its own", async () => {
        const environment = await pool({ poolSize: 2 });
        const warm = await changes.untilWarm(environment.id, 2);
        expect(new Set(warm.map(({ address }) => address)).size).toBe(2);
        expect(warm.every(({ address, specializedFor }) => address !== null && specializedFor === null)).toBe(true);
      });

      it("refills when an instance is claimed", async () => {
        const environment = await pool({ poolSize: 1 });
        const [first] = await changes.untilWarm(environment.id, 1);
        expect((await claim(environment)).id).toBe(first!.id);
        const [second] = await changes.untilWarm(environment.id, 1);
        expect(second!.id).not.toBe(first!.id);
      });

      it("refills when a warm instance dies", async () => {
        const environment = await pool({ poolSize: 1 });
        const [first] = await changes.untilWarm(environment.id, 1);
        subject.crash(first!);
        await changes.untilGone(first!.id);
        const [second] = await changes.untilWarm(environment.id, 1);
        expect(second!.id).not.toBe(first!.id);
      });

      it("grows and shrinks to a new size", async () => {
        const environment = await pool({ poolSize: 1 });
        await changes.untilWarm(environment.id, 1);
        await ensure({ ...environment, poolSize: 2 });
        await changes.untilWarm(environment.id, 2);
        await ensure({ ...environment, poolSize: 0 });
        await changes.untilWarm(environment.id, 0);
      });

      it("keeps its instances when ensured again unchanged", async () => {
        const environment = await pool({ poolSize: 1 });
        const [first] = await changes.untilWarm(environment.id, 1);
        await ensure({ ...environment, revision: 2 });
        expect((await changes.untilWarm(environment.id, 1))[0]!.id).toBe(first!.id);
        expect((await claim(environment)).id).toBe(first!.id);
      });

      it("replaces warm instances, and leaves claimed ones as what they are, when its resources change", async () => {
        const environment = await pool({ poolSize: 1 });
        const claimed = await claim(environment);
        const [warm] = await changes.untilWarm(environment.id, 1);
        const later = { ...environment, resources: { ...environment.resources, memoryLimit: "256Mi" } };
        await ensure(later);
        await changes.untilGone(warm!.id);
        const replacements = await changes.untilWarm(environment.id, 1);
        expect(replacements).toMatchObject([{ template: templateOf(later), contract: "FERMI" }]);
        const left = [{ id: claimed.id, template: templateOf(environment), contract: "FERMI" }];
        expect(changes.of(environment.id, "SPECIALIZING")).toMatchObject(left);
      });

      it("starts an instance for a claim though none is kept warm", async () => {
        const environment = await pool({ poolSize: 0 });
        expect((await claim(environment)).state).toBe("SPECIALIZING");
        expect(changes.of(environment.id)).toHaveLength(1);
      });

      it("ends what nobody has claimed, and nothing else, when removed", async () => {
        const environment = await pool({ poolSize: 1 });
        const claimed = await claim(environment);
        const [warm] = await changes.untilWarm(environment.id, 1);
        await driver.removePool(environment.id);
        await changes.untilGone(warm!.id);
        expect(changes.of(environment.id).map(({ id }) => id)).toEqual([claimed.id]);
        await driver.removePool(environment.id);
        await driver.specialize(claimed, aRequest(subject.goodSource), unhurried());
      });
    });

    describe("claim", () => {
      it("hands out no instance twice, and serves who waits as instances come up", async () => {
        const environment = await pool({ poolSize: 1 });
        const claimed = await Promise.all([1, 2, 3, 4].map(() => claim(environment)));
        expect(new Set(claimed.map(({ id }) => id)).size).toBe(4);
        expect(claimed.every(({ state, address }) => state === "SPECIALIZING" && address !== null)).toBe(true);
      });

      it("serves those who wait in the order in which they came", async () => {
        const environment = await pool({ poolSize: 0 });
        const served: number[] = [];
        await Promise.all([0, 1, 2].map((place) => claim(environment).then(() => served.push(place))));
        expect(served).toEqual([0, 1, 2]);
      });

      it("rejects with the signal's reason, and takes no instance then", async () => {
        const environment = await pool({ poolSize: 0 });
        const reason = new Error("the caller has left");
        const abort = new AbortController();
        abort.abort(reason);
        await expect(driver.claim(environment.id, abort.signal)).rejects.toBe(reason);
        expect(changes.of(environment.id, "SPECIALIZING")).toEqual([]);
      });

      it("is refused where there is no pool", async () => {
        await expect(driver.claim(newId(), unhurried())).rejects.toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
      });

      it("is refused with the pool's problem where it can't be filled, and health tells the same", async () => {
        const environment = await ensure(await subject.unfillable(usual({ poolSize: 1 })));
        subject.breakPool?.(environment);
        const error: unknown = await claim(environment).then(undefined, (reason: unknown) => reason);
        const health = driver.health().find(({ environmentId }) => environmentId === environment.id);
        expect(health!.problem).toEqual(expect.any(String));
        expect(error).toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
        expect((error as Error).message).toContain(health!.problem);
      });

      it("is refused when the pool is removed while it waits", async () => {
        const environment = await pool({ poolSize: 0 });
        const claimed = Promise.allSettled([claim(environment), claim(environment)]);
        await driver.removePool(environment.id);
        const refused = { status: "rejected", reason: expect.objectContaining({ code: "CLUSTER_UNAVAILABLE" }) };
        expect(await claimed).toEqual([refused, refused]);
      });

      it("tells a watch of all there is before it says that it has", async () => {
        const environment = await pool({ poolSize: 2 });
        await changes.untilWarm(environment.id, 2);
        const found: string[] = [];
        const watching = driver.watch(({ instance }) => {
          if (instance.environmentId === environment.id) found.push(instance.state);
        });
        await watching.listed;
        expect(found.filter((state) => state === "WARM")).toHaveLength(2);
        await watching.stop();
      });

      it("reports a pool that is filled as healthy", async () => {
        const environment = await pool({ poolSize: 1 });
        await changes.untilWarm(environment.id, 1);
        expect(driver.health()).toContainEqual({ environmentId: environment.id, problem: null });
      });
    });

    describe("specialization", () => {
      it("makes an instance ready, and says for what", async () => {
        const environment = await pool();
        const instance = await claim(environment);
        const request = aRequest(subject.goodSource, { version: 7, requestsPerInstance: 3 });
        await driver.specialize(instance, request, unhurried());
        const [ready] = changes.of(environment.id, "READY");
        expect(ready!.specializedFor).toEqual({ functionId: request.function.id, version: 7, requestsPerInstance: 3 });
        const answer = await fetch(`http://${ready!.address}/`, { headers: { "x-fermi-key": request.key } });
        expect(await answer.text()).toBe("Hello");
      });

      it("rejects with the load error where the code does not load", async () => {
        const instance = await claim(await pool());
        const loading = driver.specialize(instance, aRequest(subject.badSource), unhurried());
        await expect(loading).rejects.toMatchObject({
          code: "LOAD_FAILED",
          message: expect.stringContaining(badSourceMessage),
        });
        await driver.end(instance.id, 0);
      });

      it("is refused a second time", async () => {
        const instance = await claim(await pool());
        await driver.specialize(instance, aRequest(subject.goodSource), unhurried());
        const second = driver.specialize(instance, aRequest(subject.goodSource), unhurried());
        await expect(second).rejects.toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
      });

      it("is refused where the instance is gone", async () => {
        const instance = await claim(await pool());
        await driver.end(instance.id, 0);
        const late = driver.specialize(instance, aRequest(subject.goodSource), unhurried());
        await expect(late).rejects.toMatchObject({ code: "CLUSTER_UNAVAILABLE" });
      });

      it("rejects with the signal's reason when that aborts", async () => {
        const instance = await claim(await pool());
        const abort = new AbortController();
        const reason = new Error("enough");
        const loading = driver.specialize(instance, aRequest(subject.hangingSource), abort.signal);
        setImmediate(() => abort.abort(reason));
        await expect(loading).rejects.toBe(reason);
      });
    });

    describe("end", () => {
      it("resolves when the instance is gone, told once however often it is asked for", async () => {
        const instance = await claim(await pool());
        await Promise.all([driver.end(instance.id, 1_000), driver.end(instance.id, 1_000)]);
        await driver.end(instance.id, 1_000);
        const gone = changes.ofInstance(instance.id).filter(({ type }) => type === "GONE");
        expect(gone).toHaveLength(1);
        expect(gone[0]).not.toHaveProperty("reason");
      });

      it("drains a ready instance", async () => {
        const instance = await claim(await pool());
        await driver.specialize(instance, aRequest(subject.goodSource), unhurried());
        await driver.end(instance.id, 1_000);
        const states = changes.ofInstance(instance.id).map(({ instance: { state } }) => state);
        expect(states.slice(-2)).toEqual(["DRAINING", "DRAINING"]);
      });

      it("does nothing for an instance that never was", async () => {
        await driver.end(newId(), 0);
      });
    });

    describe("watch", () => {
      it("tells of every instance there is, then of every change, in order", async () => {
        const environment = await pool({ poolSize: 1 });
        await changes.untilWarm(environment.id, 1);
        const late = new Changes(driver);
        expect(late.of(environment.id, "WARM")).toHaveLength(1);
        const instance = await claim(environment);
        await driver.specialize(instance, aRequest(subject.goodSource), unhurried());
        await driver.end(instance.id, 1_000);
        late.stop();
        const states = late
          .ofInstance(instance.id)
          .map(({ type, instance: { state } }) => (type === "GONE" ? type : state));
        expect(states).toEqual(["WARM", "SPECIALIZING", "READY", "DRAINING", "GONE"]);
      });

      it("tells why an instance died that was not asked to, once", async () => {
        const instance = await claim(await pool());
        subject.crash(instance);
        const gone = await changes.untilGone(instance.id);
        expect(gone.reason).toEqual(expect.any(String));
        await driver.end(instance.id, 0);
        expect(changes.ofInstance(instance.id).filter(({ type }) => type === "GONE")).toHaveLength(1);
      });

      it("tells nothing more when stopped", async () => {
        const environment = await pool({ poolSize: 1 });
        await changes.untilWarm(environment.id, 1);
        const stopped = new Changes(driver);
        stopped.stop();
        const before = stopped.all.length;
        await driver.end((await claim(environment)).id, 0);
        expect(stopped.all).toHaveLength(before);
      });

      it("makes no move that the states do not allow", async () => {
        const environment = await pool({ poolSize: 2 });
        const instance = await claim(environment);
        await driver.specialize(instance, aRequest(subject.goodSource), unhurried());
        await driver.end(instance.id, 1_000);
        await driver.removePool(environment.id);
        for (const id of new Set(changes.all.map((change) => change.instance.id))) {
          const moves = changes.ofInstance(id).map(({ type, instance: { state } }) => (type === "GONE" ? type : state));
          moves.slice(1).forEach((to, index) => {
            const from = moves[index] as keyof typeof instanceMoves;
            expect({ from, allowed: instanceMoves[from] }).toEqual({
              from,
              allowed: expect.arrayContaining([to]),
            });
          });
        }
      });
    });

    describe("logs", () => {
      it("delivers what an instance prints, until stopped", async () => {
        const lines: InstanceOutput[] = [];
        let onLine = (): void => {};
        const reading = driver.logs((line) => {
          lines.push(line);
          onLine();
        });
        const instance = await claim(await pool());
        const arrived = new Promise<void>((resolve) => {
          onLine = () => lines.some(({ text }) => text.includes(printed)) && resolve();
        });
        await driver.specialize(instance, aRequest(subject.goodSource), unhurried());
        await arrived;
        const line = lines.find(({ text }) => text.includes(printed))!;
        expect(line).toMatchObject({ instanceId: instance.id, stream: "STDOUT" });
        void reading.stop();
        const count = lines.length;
        const another = await claim(used[0]!);
        await driver.specialize(another, aRequest(subject.goodSource), unhurried());
        await driver.end(another.id, 1_000);
        expect(lines).toHaveLength(count);
      });
    });
  });
}
