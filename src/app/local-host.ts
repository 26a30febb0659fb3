import path from "node:path";
import { LocalDriver } from "../cluster/local/local-driver.js";
import { findLocalImages, type LocalImages } from "../cluster/local/workplace.js";
import { instancesHere } from "../config/instances-here.js";
import { readProcessEnvironment } from "../config/read-config.js";
import type { Config } from "../config/settings.js";
import type { Clock } from "../lib/clock.js";
import type { Check } from "../model/check.js";
import { FencedDriver } from "../poolmgr/fenced-driver.js";
import type { Foundation } from "./foundation.js";
import type { InstanceHost, Tenure } from "./instance-host.js";

const runtimesDir = path.resolve(import.meta.dirname, "../../environments");
/** Longer than a store is away in most cases. */
const unledMs = 5 * 60_000;
const endingGraceMs = 10_000;

/** Instances as processes of this machine: they are this process's, whoever leads, and end with it. */
export class LocalHost implements InstanceHost {
  readonly #driver: LocalDriver;
  readonly #clock: Clock;
  readonly maxInstances: number;
  #clearing: { stop(): void } | undefined;

  constructor({ config, clock, logger, store }: Foundation) {
    this.#clock = clock;
    this.maxInstances = instancesHere(config);
    this.#driver = new LocalDriver({
      ...localPrograms(config),
      dataDir: store.dataDir,
      lang: readProcessEnvironment().lang,
      clock,
      logger,
      maxInstances: this.maxInstances,
    });
  }

  start(): Promise<void> {
    return this.#driver.start();
  }

  stop(): Promise<void> {
    this.#clearing?.stop();
    return this.#driver.stop();
  }

  lead(isHeld: () => boolean): Tenure {
    this.#clearing?.stop();
    return { driver: new FencedDriver(this.#driver, isHeld), stop: () => this.#leave() };
  }

  /**
   * While the store is away nobody can be made to lead, and what is warm is to go on; it is taken up again by the next
   * term here. Where another process leads instead, nobody will ever need it.
   */
  #leave(): Promise<void> {
    this.#clearing = this.#clock.after(unledMs, () => this.#clear());
    return Promise.resolve();
  }

  #clear(): void {
    const ids: string[] = [];
    void this.#driver.watch(({ instance }) => void ids.push(instance.id)).stop();
    for (const { environmentId } of this.#driver.health()) void this.#driver.removePool(environmentId);
    for (const id of ids) void this.#driver.end(id, endingGraceMs);
  }

  get images(): LocalImages {
    return this.#driver;
  }

  cluster(): Promise<string> {
    return Promise.resolve("local");
  }

  checks(): Promise<Check[]> {
    const { warning } = this.#driver;
    return Promise.resolve(warning === null ? [] : [{ name: "machine", ok: false, message: warning }]);
  }
}

/** What can run on this machine, for a process that runs none of it. */
export const imagesOfThisMachine = (config: Config): Promise<LocalImages> => findLocalImages(localPrograms(config));

const localPrograms = (config: Config): Parameters<typeof findLocalImages>[0] => ({
  runtimesDir,
  path: readProcessEnvironment().path,
  node: process.execPath,
  mapped: config.localRuntimes ?? [],
});
