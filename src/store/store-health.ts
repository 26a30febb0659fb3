import type { DataSource } from "typeorm";
import { AppError } from "../errors/app-error.js";
import type { Check } from "../model/check.js";
import { compareMigrations, notMigrated, oldestServer, serverMajor } from "./migrate.js";
import { withStore } from "./with-store.js";

type Outcome = Omit<Check, "name">;

/** What an operator wants to be told about the store. Never rejects. */
export class StoreHealth {
  constructor(private readonly dataSource: DataSource) {}

  async checks(): Promise<Check[]> {
    const [store, migrations] = await Promise.all([this.storeCheck(), this.migrationCheck()]);
    return [
      { name: "store", ...store },
      { name: "migrations", ...migrations },
    ];
  }

  storeCheck(): Promise<Outcome> {
    return outcomeOf(async () => {
      const major = await serverMajor(this.dataSource);
      return major >= oldestServer
        ? { ok: true, message: `PostgreSQL ${await this.#version()} answers.` }
        : { ok: false, message: `The server is PostgreSQL ${major}; Fermi needs ${oldestServer} or newer.` };
    });
  }

  migrationCheck(): Promise<Outcome> {
    return outcomeOf(async () => {
      const { missing, unknown } = await compareMigrations(this.dataSource);
      if (missing > 0) return { ok: false, message: notMigrated(missing) };
      // Schemas only ever grow, so what is older than its store works on.
      if (unknown > 0) return { ok: true, message: `The schema is that of a newer Fermi, by ${unknown} migrations.` };
      return { ok: true, message: "The schema is up to date." };
    });
  }

  /** In words, such as "PostgreSQL 18.4". */
  async describe(): Promise<string> {
    return `PostgreSQL ${await withStore(() => this.#version())}`;
  }

  async #version(): Promise<string> {
    const rows: { version: string }[] = await this.dataSource.query(
      "SELECT current_setting('server_version') AS version",
    );
    return rows[0]?.version ?? "";
  }
}

async function outcomeOf(look: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await withStore(look);
  } catch (error) {
    return {
      ok: false,
      message: error instanceof AppError ? sentence(error.message) : "The store can't be looked at.",
    };
  }
}

const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
