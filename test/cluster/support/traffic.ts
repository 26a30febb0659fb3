/** The constant load of the tests of restarts and outages, and the books that are kept of it. */
import { eventually } from "../../support/harness.js";
import {
  createEnvironment,
  createFunction,
  deleteAll,
  poolIsWarm,
  recordedInvocations,
  type DeployedFunction,
} from "./functions.js";
import { install, instancesOf, note, twoOfEach, type Installation } from "./installation.js";
import { ask, Load, type Answered, type Call } from "./load.js";

const environment = "loaded";
const poolSize = 5;
const warmFunctions = 5;
const warmPerSecond = 50;
/** So many that each has gone cold again before its turn comes. */
const coldFunctions = 15;
const idleTimeoutSeconds = 4;

const callOf = ({ name, url }: DeployedFunction): Call => ({ url, expected: name });

export class Traffic {
  readonly warm: Load;
  readonly cold: Load;
  readonly #startedAt = new Date();
  #instancesAtStart: string[] = [];

  private constructor(
    readonly fermi: Installation,
    private readonly warmed: readonly DeployedFunction[],
    readonly cooled: readonly DeployedFunction[],
  ) {
    this.warm = new Load(warmed.map(callOf), warmPerSecond);
    this.cold = new Load(cooled.map(callOf), 1);
  }

  /** Fermi with two of each role, functions that are warm and functions that are not; nothing is sent yet. */
  static async prepare(): Promise<Traffic> {
    const fermi = await install(twoOfEach);
    await deleteAll(fermi);
    await createEnvironment(fermi, environment, poolSize);
    const make = (count: number, name: string, settings: object): Promise<DeployedFunction[]> =>
      Promise.all(
        Array.from({ length: count }, (_, at) => createFunction(fermi, environment, `${name}-${at}`, settings)),
      );
    const warmed = await make(warmFunctions, "warm", { requestsPerInstance: 10, minInstances: 1 });
    const cooled = await make(coldFunctions, "cold", { idleTimeoutSeconds });
    await eventually(async () => {
      const answers = await Promise.all(warmed.map((each) => ask(callOf(each))));
      const failure = answers.find((answer) => answer.failure !== undefined);
      if (failure !== undefined) throw new Error(failure.failure);
    }, 60_000);
    await poolIsWarm(poolSize);
    return new Traffic(fermi, warmed, cooled);
  }

  async start({ withColdStarts = true } = {}): Promise<void> {
    this.#instancesAtStart = await this.warmInstances();
    this.warm.start();
    if (withColdStarts) this.cold.start();
  }

  /** Resolves when all that was sent has its answer. */
  async stop(): Promise<void> {
    await Promise.all([this.warm.stop(), this.cold.stop()]);
  }

  /** The pods that serve the warm functions, by name. */
  async warmInstances(): Promise<string[]> {
    const pods = await Promise.all(this.warmed.map(({ id }) => instancesOf(id)));
    return pods
      .flat()
      .map(({ metadata }) => metadata.name)
      .sort();
  }

  /** Those that were there when the load began and are not any more. */
  async lostInstances(): Promise<string[]> {
    const now = new Set(await this.warmInstances());
    return this.#instancesAtStart.filter((name) => !now.has(name));
  }

  /** Ids of answered invocations of which there is no record; what is buffered has the time to arrive. */
  async lostRecords(): Promise<string[]> {
    const answered = [...this.warm.answers, ...this.cold.answers].flatMap(({ invocationId }) => invocationId ?? []);
    let lost = answered;
    await eventually(
      async () => {
        const recorded = await recordedInvocations(this.fermi, this.#startedAt);
        lost = answered.filter((id) => !recorded.has(id));
        if (lost.length > 0) throw new Error("records are still on their way");
      },
      30_000,
      1_000,
    ).catch(() => undefined);
    return lost;
  }

  async coldStarts(): Promise<number> {
    const recorded = await recordedInvocations(this.fermi, this.#startedAt);
    return this.cold.answers.filter(({ invocationId }) => recorded.get(invocationId ?? "")?.coldStart === true).length;
  }

  describe(): void {
    for (const [name, load] of [
      ["warm", this.warm],
      ["cold", this.cold],
    ] as const) {
      if (load.answers.length === 0) continue;
      const [p50, p95, worst] = [0.5, 0.95, 1].map((share) => load.percentile(share).toFixed(1));
      note(
        `${name}: ${load.answers.length} requests, ${load.failures().length} failed, ` +
          `p50 ${p50 ?? ""} ms, p95 ${p95 ?? ""} ms, worst ${worst ?? ""} ms`,
      );
    }
  }
}

/** A failure as a line, with the second of the load in which it was sent. */
export const inWords = (answers: readonly Answered[], sinceMs: number): string[] =>
  answers.map(({ url, failure, startedMs, ms }) =>
    `${((startedMs - sinceMs) / 1_000).toFixed(1)} s ${url} after ${ms.toFixed(0)} ms: ${failure ?? ""}`.slice(0, 300),
  );
