/**
 * The database that comes with Fermi: PostgreSQL's own programs, run and watched as a child process.
 *
 * It listens on loopback only, with a password of its own, on a free port. It ends with this process however that ends;
 * one that was left over is ended at the next start. One process at a time uses a data folder. A server that dies is
 * started again at its address, so that connection pools heal by themselves.
 */
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { silentLogger, type Logger } from "../lib/logger.js";
import { makeFolder } from "../lib/make-folder.js";
import type { Stoppable } from "../lib/stoppable.js";
import { lockDataDir } from "./embedded/data-lock.js";
import { serverAccount, type Account } from "./embedded/postgres-account.js";
import { installedPackage, usableBinaries, type PostgresBinaries } from "./embedded/postgres-binaries.js";
import { ensureCluster, pgDataOf, superuser } from "./embedded/postgres-cluster.js";
import { endLeftOver, PostgresProcess } from "./embedded/postgres-process.js";
import { whenReady } from "./embedded/when-ready.js";

export { chooseDataDir, type DataDir } from "./embedded/data-dir.js";

export interface EmbeddedPostgresOptions {
  /** Fermi's data folder; the database is in `postgres/` of it. */
  readonly dataDir: string;
  /** Gives up surviving a crash of the machine for speed; for tests. */
  readonly isFast?: boolean;
  /** How long a server that starts may say nothing; one that says that it recovers from a crash has all the time it needs. */
  readonly silenceMs?: number;
  readonly logger?: Logger;
  /** PostgreSQL's programs to use instead of those that come with Fermi. */
  readonly binaries?: PostgresBinaries;
  /** Called once the folder is this process's, before the server starts. */
  readonly onLocked?: () => Promise<void>;
}

export interface EmbeddedPostgres extends Stoppable {
  /** As superuser, with the password in it. */
  readonly url: string;
  stop(): Promise<void>;
}

interface ServerPlan {
  readonly pgData: string;
  readonly postgres: string;
  readonly account: Account;
  readonly password: string;
  readonly isFast: boolean;
  readonly silenceMs: number;
  readonly logger: Logger;
}

/** Resolves when the server takes connections. Rejects with IN_USE where a living Fermi uses the folder. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, isFast = false, silenceMs = 60_000, logger = silentLogger } = options;
  const account = await serverAccount(pgDataOf(dataDir));
  // Root's own folder lets the server's user pass; what is inside is protected file by file.
  await makeFolder(dataDir, account.uid === undefined ? 0o700 : 0o755);
  const lock = await lockDataDir(dataDir);
  try {
    await options.onLocked?.();
    const binaries = options.binaries ?? (await usableBinaries(account, dataDir, await installedPackage()));
    const password = await ensureCluster({ dataDir, account, binaries, isFast });
    const { postgres } = binaries;
    const plan = { pgData: pgDataOf(dataDir), postgres, account, password, isFast, silenceMs, logger };
    await endLeftOver(plan.pgData);
    return await SupervisedServer.start(plan, lock);
  } catch (error) {
    await lock.stop();
    throw error;
  }
}

/** Keeps one server running on one port until it is stopped. */
class SupervisedServer implements EmbeddedPostgres {
  #stopped: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  private constructor(
    private readonly plan: ServerPlan,
    private readonly port: number,
    private current: PostgresProcess,
    private readonly lock: Stoppable,
  ) {}

  static async start(plan: ServerPlan, lock: Stoppable): Promise<SupervisedServer> {
    const { port, server } = await startSomewhere(plan);
    const supervised = new SupervisedServer(plan, port, server, lock);
    void supervised.#keepRunning();
    return supervised;
  }

  get url(): string {
    return urlOf(this.plan, this.port);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    await this.current.stop();
    await this.lock.stop();
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #keepRunning(): Promise<void> {
    for (let failures = 0; !this.#isStopping(); failures++) {
      await this.current.exited;
      if (this.#isStopping()) return;
      const { lastWords } = this.current;
      const why = lastWords.includes("No space left on device") ? "the disk is full: " : "";
      this.plan.logger.error({ lastWords }, `${why}the embedded database has ended; starting it again`);
      const pauseMs = Math.min(100 * 2 ** failures, 5_000);
      await delay(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (await this.#restart()) failures = 0;
    }
  }

  async #restart(): Promise<boolean> {
    try {
      await endLeftOver(this.plan.pgData);
      if (this.#isStopping()) return false;
      this.current = PostgresProcess.start({ ...this.plan, port: this.port });
      await whenReady(this.current, this.url, this.plan);
      this.plan.logger.info({}, "the embedded database runs again");
      return true;
    } catch (error) {
      this.plan.logger.error({ err: error }, "the embedded database does not start");
      return false;
    }
  }
}

/** What the server says then. */
const portIsTaken = "could not create any TCP/IP sockets";

/** A free port may be taken by somebody else before the server binds it, so a start that fails is tried again. */
async function startSomewhere(plan: ServerPlan): Promise<{ port: number; server: PostgresProcess }> {
  const attempts = 5;
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const server = PostgresProcess.start({ ...plan, port });
    try {
      await whenReady(server, urlOf(plan, port), plan);
      return { port, server };
    } catch (error) {
      await server.stop();
      if (attempt === attempts || !server.lastWords.includes(portIsTaken)) throw error;
      await delay(200);
    }
  }
}

const urlOf = ({ password }: ServerPlan, port: number): string =>
  `postgres://${superuser}:${password}@127.0.0.1:${port}/postgres`;

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
