import type { DataSource, EntityManager } from "typeorm";
import { buildDataSource } from "./data-source.js";

const statementTimeoutMs = 5 * 60_000;
const lockTimeoutMs = 2_000;

/**
 * In a transaction that may take minutes, but gives way after two seconds where its locks would keep others waiting. On a
 * connection of its own: those of the pool are broken off when they are silent for longer than any caller waits, and then
 * the server would go on to the statement's end, hold its locks for as long, and roll back. When the signal aborts the
 * server is told to end it, and it rejects.
 */
export async function patiently(
  dataSource: DataSource,
  work: (manager: EntityManager) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const { url = "" } = dataSource.options as { readonly url?: string };
  const limits = { statementTimeoutMs, lockTimeoutMs };
  const own = buildDataSource({ url, poolSize: 1, applicationName: "fermi-retention", ...limits });
  try {
    await own.initialize();
    await own.transaction(async (manager) => {
      const [{ pid }] = await manager.query<[{ pid: number }]>("SELECT pg_backend_pid() AS pid");
      const end = (): void => void dataSource.query("SELECT pg_terminate_backend($1)", [pid]).catch(() => undefined);
      signal.addEventListener("abort", end, { once: true });
      try {
        await work(manager);
      } finally {
        signal.removeEventListener("abort", end);
      }
    });
  } finally {
    if (own.isInitialized) await own.destroy();
  }
}
