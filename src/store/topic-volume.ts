import type { DataSource } from "typeorm";
import type { Clock } from "../lib/clock.js";
import { withStore } from "./with-store.js";

/** About what a stored message takes beside its body and headers: its other columns, indexes, one delivery and its lane. */
const overheadBytes = 500;
/** However many there are, no statement looks at more. */
const defaultChunk = 20_000;
/** Whoever publishes has committed or given up by then, so nothing comes any more among what is older. */
const settledAfter = "10 s";
/** Then all is counted anew: another process may have removed some while it handed over. */
const recountMs = 3_600_000;
const newestSeq = "9223372036854775807";

/** A message's place, and the bytes of its body and headers. */
export interface MessageSize {
  readonly seq: string;
  readonly size_bytes: number;
}

/** How much room messages take: a running total, so that looking costs what is new and not what is there. */
export class TopicVolume {
  /** Of those up to `seq`. */
  #counted = { seq: "0", bytes: 0 };
  #begunAtMs: number;

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly chunk = defaultChunk,
  ) {
    this.#begunAtMs = clock.monotonicMs();
  }

  /** Rejects once the signal has aborted. */
  async measure(signal: AbortSignal): Promise<number> {
    this.#beginAnewInTime();
    for await (const { last, bytes } of this.#chunks(this.#counted.seq, await this.#settled())) {
      this.#counted = { seq: last, bytes: this.#counted.bytes + bytes };
      signal.throwIfAborted();
    }
    let total = this.#counted.bytes;
    for await (const { bytes } of this.#chunks(this.#counted.seq, newestSeq)) {
      total += bytes;
      signal.throwIfAborted();
    }
    return total;
  }

  /** To be told of every message that is removed; resolves to the bytes that are free. */
  remove(gone: readonly MessageSize[]): number {
    const counted = gone.filter(({ seq }) => BigInt(seq) <= BigInt(this.#counted.seq));
    this.#counted = { ...this.#counted, bytes: this.#counted.bytes - sumOf(counted) };
    return sumOf(gone);
  }

  #beginAnewInTime(): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#begunAtMs < recountMs) return;
    this.#begunAtMs = nowMs;
    this.#counted = { seq: "0", bytes: 0 };
  }

  async #settled(): Promise<string> {
    const sql = `SELECT coalesce(max(seq), 0) AS seq FROM topic_message WHERE published_at < now() - interval '${settledAfter}'`;
    const rows: { seq: string }[] = await withStore(() => this.dataSource.query(sql));
    return rows[0]?.seq ?? "0";
  }

  async *#chunks(after: string, upTo: string): AsyncGenerator<{ readonly last: string; readonly bytes: number }> {
    const sql = `SELECT max(seq) AS last, sum(size_bytes + ${overheadBytes}) AS bytes FROM (
      SELECT seq, size_bytes FROM topic_message WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT ${this.chunk}) AS next`;
    for (let from = after; ;) {
      const rows: { last: string | null; bytes: string | null }[] = await withStore(() =>
        this.dataSource.query(sql, [from, upTo]),
      );
      const { last = null, bytes = null } = rows[0] ?? {};
      if (last === null) return;
      yield { last, bytes: Number(bytes) };
      from = last;
    }
  }
}

const sumOf = (messages: readonly MessageSize[]): number =>
  messages.reduce((sum, { size_bytes: bytes }) => sum + bytes + overheadBytes, 0);
