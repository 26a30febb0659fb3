import type { ClusterDriver, ClusterInstance, InstanceChange } from "../../src/cluster/cluster-driver.js";
import type { Stoppable } from "../../src/lib/stoppable.js";

const patienceMs = 15_000;

/** Everything a driver has said so far, and a way to wait until it has said something. */
export class Changes implements Stoppable {
  readonly all: InstanceChange[] = [];
  readonly #now = new Map<string, ClusterInstance>();
  readonly #checks = new Set<() => void>();
  readonly #watch: Stoppable;

  constructor(driver: ClusterDriver) {
    this.#watch = driver.watch((change) => {
      this.all.push(change);
      if (change.type === "GONE") this.#now.delete(change.instance.id);
      else this.#now.set(change.instance.id, change.instance);
      for (const check of this.#checks) check();
    });
  }

  of(environmentId: string, state?: ClusterInstance["state"]): ClusterInstance[] {
    return [...this.#now.values()].filter(
      (instance) => instance.environmentId === environmentId && (state === undefined || instance.state === state),
    );
  }

  ofInstance(id: string): InstanceChange[] {
    return this.all.filter(({ instance }) => instance.id === id);
  }

  /** Resolves once `isSo` holds, looking again at every change. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(deadline);
        this.#checks.delete(check);
        settle();
      };
      const check = (): void => {
        if (isSo()) finish(resolve);
      };
      const deadline = setTimeout(() => finish(() => reject(new Error(`waited in vain: ${what}`))), patienceMs);
      this.#checks.add(check);
    });
  }

  async untilWarm(environmentId: string, count: number): Promise<ClusterInstance[]> {
    await this.until(`${count} warm`, () => {
      return this.of(environmentId, "WARM").length === count && this.of(environmentId, "STARTING").length === 0;
    });
    return this.of(environmentId, "WARM");
  }

  async untilGone(id: string): Promise<InstanceChange> {
    const gone = (): InstanceChange | undefined => this.ofInstance(id).find(({ type }) => type === "GONE");
    await this.until(`${id} gone`, () => gone() !== undefined);
    return gone()!;
  }

  stop(): void {
    void this.#watch.stop();
  }
}
