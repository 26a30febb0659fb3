/**
 * The role `triggers`: what has to be done once for the whole installation, however many processes there are, and what
 * calls functions by itself. Who leads runs the one list of sources, everybody the other (`trigger-sources.ts`).
 */
import type { RequestListener } from "node:http";
import { isAlone } from "../../config/contradictions.js";
import { AsyncWorker } from "../../invocations/async-worker.js";
import { aborted } from "../../lib/aborted.js";
import type { Leadership } from "../../lib/leadership.js";
import { StopStack } from "../../lib/stop-stack.js";
import { Retention } from "../../logs/retention.js";
import type { Check } from "../../model/check.js";
import { Invoker } from "../../invocations/invoker.js";
import { Housekeeping } from "../../store/housekeeping.js";
import { AsyncWorkRepository } from "../../store/repositories/async-work.repository.js";
import { BacklogRepository } from "../../store/repositories/backlog.repository.js";
import { RecordPartitions } from "../../store/repositories/record-partitions.js";
import { TriggerRecordsRepository } from "../../store/repositories/trigger-records.repository.js";
import { TopicRetention } from "../../store/topic-retention.js";
import type { NatsBroker } from "../../triggers/queue/nats-broker.js";
import { RunningSources } from "../../triggers/running-sources.js";
import { StatusReports } from "../../triggers/status-reports.js";
import { addressForPeople } from "../address.js";
import { tellBacklogs } from "../backlog-metrics.js";
import type { BuildSource, SourceNeeds } from "../build-source.js";
import type { Foundation } from "../foundation.js";
import { lookForBacklogs } from "../look-for-backlogs.js";
import { OpsServer } from "../ops-server.js";
import { QueueBacklog } from "../queue-backlog.js";
import { natsBroker, topicMaxBytes, topicRetentionMs } from "../queue-brokers.js";
import { leaderSources, sharedSources } from "../trigger-sources.js";
import type { Role } from "./role.js";

const mebibyte = 1024 * 1024;

export interface TriggersRoleNeeds {
  readonly leadership: Leadership;
  /** Health and metrics, by path. */
  readonly pages: ReadonlyMap<string, RequestListener>;
  /** The address to which calls of functions are sent; empty until there is one. */
  readonly routerAddress: () => string;
}

export class TriggersRole implements Role {
  readonly name = "triggers";
  readonly #worker: AsyncWorker | undefined;
  readonly #nats: NatsBroker | undefined;
  #address = "";
  #shared: RunningSources | undefined;
  #handedOver: Promise<void> | undefined;
  readonly #lingering = new Set<Promise<void>>();

  constructor(
    private readonly foundation: Foundation,
    private readonly needs: TriggersRoleNeeds,
  ) {
    this.#worker = foundation.config.asyncConcurrency > 0 ? buildWorker(foundation, needs.routerAddress) : undefined;
    this.#nats = natsBroker(foundation);
    const { metrics, store, clock, logger } = foundation;
    const backlogs = new BacklogRepository(store.dataSource);
    const queues = new QueueBacklog({ counters: { ...(this.#nats && { NATS: this.#nats }) }, clock, logger });
    tellBacklogs({ metrics, clock, look: () => lookForBacklogs(backlogs, queues), tells: () => this.leads });
  }

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
    started.push("calls of triggers", () => Promise.all(this.#lingering).then(() => undefined));
    started.push("triggers", () => this.handOver());
    started.push("asynchronous invocations", () => this.#worker?.stop(config.stopTimeoutSeconds * 1_000));
    if (!isAlone(config)) {
      const server = new OpsServer(pages);
      started.push("port of the triggers", () => server.stop());
      this.#address = addressForPeople(config.host, await server.start(config.host, config.triggersPort));
    }
    void store.opened.then(() => {
      if (this.#handedOver !== undefined) return;
      this.#shared = this.#sources(sharedSources, () => true);
      this.#shared.start();
      leadership.start((signal) => this.#work(signal));
      this.#worker?.start();
    });
  }

  /** Begins nothing any more and leaves it to others, at once; what was begun goes on for a while. */
  handOver(): Promise<void> {
    this.#worker?.drain();
    return (this.#handedOver ??= this.#handOver());
  }

  unready(): string | undefined {
    return this.foundation.store.unopened;
  }

  checks(): Check[] {
    const leader = { name: "triggers", ok: true, message: this.needs.leadership.describe() };
    return this.#worker === undefined ? [leader] : [leader, this.#worker.check()];
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
    void retention.start();
    const housekeeping = new Housekeeping({ dataSource, clock, logger });
    working.push("housekeeping", () => housekeeping.stop());
    housekeeping.start();
    const topics = new TopicRetention({
      ...{ dataSource, clock, logger },
      ...{ retentionMs: topicRetentionMs(config), maxBytes: topicMaxBytes(config) },
    });
    working.push("retention of topics", () => topics.stop());
    topics.start();
    const sources = this.#sources(leaderSources, () => this.leads && !signal.aborted);
    working.push("sources of triggers", () => sources.stop());
    sources.start();
    await aborted(signal);
    await working.stop();
  }

  async #handOver(): Promise<void> {
    await Promise.all([this.#shared?.stop() ?? Promise.resolve(), this.needs.leadership.stop()]);
  }

  /** With statuses of their own: what another process has said meanwhile is not known here. */
  #sources(builders: readonly BuildSource[], leads: () => boolean): RunningSources {
    const { auth, clock, logger, routing, store } = this.foundation;
    const { routerAddress: routerUrl } = this.needs;
    const records = new TriggerRecordsRepository(store.dataSource);
    const statuses = new StatusReports({ write: (reports) => records.report(reports), clock, logger });
    const invoker = new Invoker({ routerUrl, sign: (request) => auth.sign(request), clock });
    const linger = (work: Promise<void>): void => {
      const lingering = work.finally(() => this.#lingering.delete(lingering));
      this.#lingering.add(lingering);
    };
    const needs: SourceNeeds = { foundation: this.foundation, nats: this.#nats, statuses, invoker, leads, linger };
    const sources = builders.flatMap((build) => build(needs) ?? []);
    return new RunningSources({ sources, statuses, logger, subscribe: (onChange) => routing.subscribe(onChange) });
  }
}

function buildWorker(foundation: Foundation, routerUrl: () => string): AsyncWorker {
  const { config, clock, logger, store, auth } = foundation;
  const { dataSource, wakeups } = store;
  return new AsyncWorker({
    work: new AsyncWorkRepository(dataSource),
    invoker: new Invoker({ routerUrl, sign: (request) => auth.sign(request), clock }),
    isReachable: () => routerUrl() !== "",
    workMayWait: (signal) => wakeups.wait("fermi_async", signal),
    cancelled: (signal) => wakeups.wait("fermi_async_cancel", signal),
    concurrency: config.asyncConcurrency,
    random: Math.random,
    clock,
    logger,
  });
}
