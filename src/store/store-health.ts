import type { DataSource } from "typeorm";
import { AppError } from "../errors/app-error.js";
import type { Check } from "../model/check.js";
import { oldestServer, serverMajor } from "./migrate.js";
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
      const rows: { name: string }[] = await this.dataSource.query(`SELECT name FROM migration`);
      const done = new Set(rows.map(({ name }) => name));
      const known = this.dataSource.migrations.map((migration) => migration.name ?? migration.constructor.name);
      const missing = known.filter((name) => !done.has(name)).length;
      const unknown = [...done].filter((name) => !known.includes(name)).length;
      if (missing > 0) return { ok: false, message: `${missing} migrations were not run; restart to run them.` };
      if (unknown > 0) return { ok: false, message: `${unknown} migrations come from a newer Fermi than this one.` };
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

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
