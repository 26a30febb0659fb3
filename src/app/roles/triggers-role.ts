/** The role `triggers`: what has to be done once for the whole installation, however many processes there are. */
import { Retention } from "../../logs/retention.js";
import { Housekeeping } from "../../store/housekeeping.js";
import { RecordPartitions } from "../../store/repositories/record-partitions.js";
import type { Foundation } from "../foundation.js";

const mebibyte = 1024 * 1024;

export class TriggersRole {
  readonly #retention: Retention;
  readonly #housekeeping: Housekeeping;

  constructor(private readonly foundation: Foundation) {
    const { config, clock, logger, store } = foundation;
    const { retentionDays, logMaxMib } = config;
    const { dataSource } = store;
    const storage = new RecordPartitions(dataSource);
    this.#retention = new Retention({ storage, clock, logger, retentionDays, logMaxBytes: logMaxMib * mebibyte });
    this.#housekeeping = new Housekeeping({ dataSource, clock, logger, retentionDays });
  }

  /** Resolves when the coming days' partitions are there, or could not be made. */
  async start(): Promise<void> {
    const { started } = this.foundation;
    started.push("retention", () => this.#retention.stop());
    await this.#retention.start();
    started.push("housekeeping", () => this.#housekeeping.stop());
    this.#housekeeping.start();
  }
}
