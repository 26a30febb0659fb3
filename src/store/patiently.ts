import type { DataSource, EntityManager } from "typeorm";
import { buildDataSource } from "./data-source.js";

const statementTimeoutMs = 5 * 60_000;
const lockTimeoutMs = 2_000;

/**
 * In a transaction that may take minutes, but gives way after two seconds where its locks would keep others waiting. On a
 * connection of its own: those of the pool are broken off when they are silent for longer than any caller waits, and then
 * the server would go on to the statement's end, hold its locks for as long, and roll back.
 */
export async function patiently(
  { options }: DataSource,
  work: (manager: EntityManager) => Promise<void>,
): Promise<void> {
  const { url = "" } = options as { readonly url?: string };
  const limits = { statementTimeoutMs, lockTimeoutMs };
  const own = buildDataSource({ url, poolSize: 1, applicationName: "fermi-retention", ...limits });
  try {
    await own.initialize();
    await own.transaction(work);
  } finally {
    if (own.isInitialized) await own.destroy();
  }
}
