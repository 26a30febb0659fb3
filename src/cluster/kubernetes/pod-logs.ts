/**
 * What claimed pods print, read from the API for as long as they run. A log whose connection is lost, or has been silent
 * for so long that it may be, is read again from where the reader was. Logs never delay anything and fail nothing.
 */
import type { IncomingMessage } from "node:http";
import { Backoff } from "../../lib/backoff.js";
import type { Clock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import type { InstanceOutput } from "../cluster-driver.js";
import { OutputAllowance, OutputReader, type OutputBounds } from "../output-reader.js";
import type { KubeCalls } from "./fenced-kube-api.js";
import { hasStatus, inWords } from "./kube-error.js";
import { dateOf, LogPosition, readStamped, wasKept } from "./log-position.js";
import { functionContainer } from "./manifests.js";

export interface PodLogsOptions {
  readonly api: KubeCalls;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the pods, such as /api/v1/namespaces/x/pods. */
  readonly path: string;
  readonly bounds: OutputBounds;
  readonly onOutput: (output: InstanceOutput) => void;
}

/** A pod, and up to when its log has been read before; undefined where nothing of it has. */
export interface LoggedPod {
  readonly id: string;
  readonly name: string;
  readonly since: () => Promise<Date | undefined>;
}

/** A log is read from its beginning, and to open a connection is work that a cold start need not wait for. */
const beginAfterMs = 250;
/** A connection that says nothing for this long may be half open. */
const silentMs = 120_000;
/** How long the last words of a pod that is gone are waited for. */
const lastWordsMs = 3_000;

export class PodLogs {
  readonly #followers = new Map<string, Follower>();
  /** Found before anybody read along: what they print meanwhile is kept by their nodes. */
  #early: Map<string, LoggedPod> | undefined = new Map();

  constructor(private readonly options: PodLogsOptions) {}

  /** Somebody reads along from now on. */
  begin(): void {
    const early = this.#early?.values() ?? [];
    this.#early = undefined;
    for (const pod of early) this.follow(pod);
  }

  follow(pod: LoggedPod): void {
    if (this.#early !== undefined) return void this.#early.set(pod.id, pod);
    if (this.#followers.has(pod.id)) return;
    const follower = new Follower(pod, this.options);
    this.#followers.set(pod.id, follower);
    void follower.run().finally(() => this.#followers.delete(pod.id));
  }

  /** The pod is gone; what it has printed is still read. */
  release(id: string): void {
    this.#early?.delete(id);
    this.#followers.get(id)?.stop(lastWordsMs);
  }

  /** Reads every log anew from where it is; to be called when connections may have been lost. */
  refresh(): void {
    for (const follower of this.#followers.values()) follower.reopen();
  }

  stop(): void {
    for (const follower of this.#followers.values()) follower.stop(0);
  }
}

class Follower {
  readonly #allowance: OutputAllowance;
  readonly #backoff = new Backoff(200, 10_000);
  #position = new LogPosition();
  /** Up to when others have read it before. */
  #kept: Date | undefined;
  #open: IncomingMessage | undefined;
  #isReleased = false;
  #isStopped = false;
  #wasNew = true;
  #at: Date;
  #lastReadMs = 0;
  #wake: () => void = () => {};

  constructor(
    private readonly pod: LoggedPod,
    private readonly options: PodLogsOptions,
  ) {
    const { clock, bounds } = options;
    this.#at = clock.now();
    this.#allowance = new OutputAllowance(bounds, clock, (text) => this.#tell("STDERR", text));
  }

  async run(): Promise<void> {
    await this.#pause(beginAfterMs);
    const since = await this.pod.since().catch(() => undefined);
    this.#kept = since;
    if (since !== undefined) this.#position = LogPosition.after(since);
    while (!this.#isStopped) {
      const isThere = await this.#read();
      if (!isThere || this.#isReleased) break;
      await this.#pause(this.#backoff.fail(this.options.clock.monotonicMs()));
    }
    this.#allowance.flush();
  }

  reopen(): void {
    this.#open?.destroy();
    this.#wake();
  }

  /** After what is under way, but at the latest after the time. */
  stop(withinMs: number): void {
    this.#isReleased = true;
    this.#wake();
    this.options.clock.after(withinMs, () => {
      this.#isStopped = true;
      this.reopen();
    });
  }

  /** One connection, to its end; false where the pod is no more. */
  async #read(): Promise<boolean> {
    const { api, clock, logger, path, bounds } = this.options;
    const { sinceTime } = this.#position;
    const query = { container: functionContainer, follow: true, timestamps: true, ...(sinceTime && { sinceTime }) };
    try {
      const log = { method: "GET", path: `${path}/${this.pod.name}/log`, query, isOfNode: true } as const;
      const response = await api.stream(log);
      this.#open = response;
      this.#position.rewind();
      const pace = { clock, readBytesPerSecond: bounds.readBytesPerSecond };
      const reader = new OutputReader(response, this.#allowance, pace, (line, isRest) => this.#line(line, isRest));
      const watching = this.#endWhenSilent(response);
      await reader.ended;
      watching.stop();
    } catch (error) {
      if (hasStatus(error, 404)) return false;
      // Asked for before the container has begun: a moment later it is there.
      if (!hasStatus(error, 400))
        logger.debug({ pod: this.pod.name, why: inWords(error) }, "a pod's log can't be read");
    } finally {
      this.#open = undefined;
    }
    return true;
  }

  #endWhenSilent(response: IncomingMessage): { stop(): void } {
    const { clock } = this.options;
    this.#lastReadMs = clock.monotonicMs();
    let timer: { stop(): void };
    const look = (): void => {
      const leftMs = this.#lastReadMs + silentMs - clock.monotonicMs();
      if (leftMs <= 0) response.destroy();
      else timer = clock.after(leftMs, look);
    };
    look();
    return { stop: () => timer.stop() };
  }

  #line(line: string, isRest: boolean): void {
    this.#lastReadMs = this.options.clock.monotonicMs();
    const stamped = readStamped(line);
    if (stamped === undefined && !isRest) {
      // All that the function prints is stamped: this is the node's own word, such as that it can't find the log.
      this.options.logger.debug({ pod: this.pod.name, why: line }, "a pod's log can't be read");
      return;
    }
    this.#backoff.succeed();
    if (stamped !== undefined) {
      const isKept = this.#kept !== undefined && wasKept(stamped, this.#kept);
      this.#wasNew = this.#position.pass(stamped.ns) && !isKept;
      this.#at = dateOf(stamped.ns);
    }
    const text = stamped?.text ?? line;
    if (this.#wasNew && text !== "") this.#tell("STDOUT", text);
  }

  #tell(stream: InstanceOutput["stream"], text: string): void {
    this.options.onOutput({ instanceId: this.pod.id, stream, text, at: this.#at });
  }

  #pause(ms: number): Promise<void> {
    if (this.#isReleased) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.options.clock.after(ms, resolve);
      this.#wake = () => {
        timer.stop();
        resolve();
      };
    });
  }
}
