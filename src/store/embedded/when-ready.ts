import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { AppError } from "../../errors/app-error.js";
import { systemClock } from "../../lib/clock.js";
import type { Logger } from "../../lib/logger.js";
import type { PostgresProcess } from "./postgres-process.js";

export interface Patience {
  /** How long the server may say nothing. */
  readonly silenceMs: number;
  readonly logger: Logger;
}

/** What a server says that is there and takes no connections yet: it replays what a crash has left, for hours if need be. */
const cannotConnectNow = "57P03";
const longestPauseMs = 500;

/** Resolves when the server takes connections. Who broke off its recovery would have it begin anew, and for ever. */
export async function whenReady(server: PostgresProcess, url: string, { silenceMs, logger }: Patience): Promise<void> {
  const begunAtMs = systemClock.monotonicMs();
  let [heardAtMs, toldAtMs] = [begunAtMs, begunAtMs];
  for (;;) {
    const refusal = await tryConnect(url);
    if (refusal === undefined) return;
    if (server.hasExited) throw notStarted(`it ended: ${server.lastWords}`);
    const nowMs = systemClock.monotonicMs();
    if ((refusal as { code?: unknown }).code === cannotConnectNow) heardAtMs = nowMs;
    if (nowMs - heardAtMs > silenceMs) throw notStarted(refusal);
    const waitedMs = nowMs - begunAtMs;
    if (nowMs - toldAtMs > silenceMs / 4) {
      toldAtMs = nowMs;
      const seconds = Math.round(waitedMs / 1_000);
      logger.warn({ err: refusal, seconds }, "the embedded database is not ready yet; waiting for it");
    }
    await delay(Math.min(20 + waitedMs / 100, longestPauseMs));
  }
}

/** Why there is no connection yet; undefined where there is one. */
async function tryConnect(url: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

const notStarted = (cause: unknown): AppError =>
  new AppError("STORE_UNAVAILABLE", "the embedded database did not start", { cause });
