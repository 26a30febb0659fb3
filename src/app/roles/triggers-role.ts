/** The role `triggers`: what has to be done once for the whole installation, however many processes there are. */
import type { RequestListener } from "node:http";
import { isAlone } from "../../config/contradictions.js";
import { aborted } from "../../lib/aborted.js";
import type { Leadership } from "../../lib/leadership.js";
import { StopStack } from "../../lib/stop-stack.js";
import { Retention } from "../../logs/retention.js";
import type { Check } from "../../model/check.js";
import { Housekeeping } from "../../store/housekeeping.js";
import { RecordPartitions } from "../../store/repositories/record-partitions.js";
import { addressForPeople } from "../address.js";
import type { Foundation } from "../foundation.js";
import { OpsServer } from "../ops-server.js";
import type { Role } from "./role.js";

const mebibyte = 1024 * 1024;

export interface TriggersRoleNeeds {
  readonly leadership: Leadership;
  /** Health and metrics, by path. */
  readonly pages: ReadonlyMap<string, RequestListener>;
}

export class TriggersRole implements Role {
  readonly name = "triggers";
  #address = "";

  constructor(
    private readonly foundation: Foundation,
    private readonly needs: TriggersRoleNeeds,
  ) {}

  get leads(): boolean {
    return this.needs.leadership.isHeld;
  }

  /** Where it listens, as an address on this machine; empty where it does not. */
  get address(): string {
    return this.#address;
  }

  async start(): Promise<void> {
    const { config, started, store } = this.foundation;
    const { leadership, pages } = this.needs;
    started.push("triggers", () => leadership.stop());
    if (!isAlone(config)) {
      const server = new OpsServer(pages);
      started.push("port of the triggers", () => server.stop());
      this.#address = addressForPeople(config.host, await server.start(config.host, config.triggersPort));
    }
    void store.opened.then(() => leadership.start((signal) => this.#work(signal)));
  }

  unready(): string | undefined {
    return this.foundation.store.unopened;
  }

  checks(): Check[] {
    return [{ name: "triggers", ok: true, message: this.needs.leadership.describe() }];
  }

  /** Until it leads no more. */
  async #work(signal: AbortSignal): Promise<void> {
    const { config, clock, logger, store } = this.foundation;
    const { retentionDays } = config;
    const { dataSource } = store;
    const working = new StopStack((part, error) => logger.error({ part, err: error }, "a part did not stop cleanly"));
    const storage = new RecordPartitions(dataSource);
    const logMaxBytes = config.logMaxMib * mebibyte;
    const retention = new Retention({ storage, clock, logger, retentionDays, logMaxBytes });
    working.push("retention", () => retention.stop());
    await retention.start();
    const housekeeping = new Housekeeping({ dataSource, clock, logger, retentionDays });
    working.push("housekeeping", () => housekeeping.stop());
    housekeeping.start();
    await aborted(signal);
    await working.stop();
  }
}
