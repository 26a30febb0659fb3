/** A database server in a temporary folder, gone without a trace when it is stopped. Needs the built code. */
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { startEmbeddedPostgres } from "../../dist/store/embedded-postgres.js";

const systemFolder = "/usr/lib/postgresql";

/** The newest PostgreSQL that is installed on the system, where Debian and its kin put it. */
export async function systemBinaries() {
  const releases = (await readdir(systemFolder).catch(() => [])).map(Number).filter(Number.isInteger);
  if (releases.length === 0) throw new Error(`no PostgreSQL is installed in ${systemFolder}`);
  const major = String(Math.max(...releases));
  const bin = path.join(systemFolder, major, "bin");
  return { initdb: path.join(bin, "initdb"), postgres: path.join(bin, "postgres"), major };
}

/** Resolves to `{ url, stop }`; the URL is a superuser's. */
export async function startTemporaryPostgres({ isSystem = false } = {}) {
  const binaries = isSystem ? { binaries: await systemBinaries() } : {};
  const folder = await mkdtemp(path.join(os.tmpdir(), "fermi-test-"));
  try {
    // mkdtemp's folder is private, but as root the server runs as another user.
    await chmod(folder, 0o755);
    const server = await startEmbeddedPostgres({ dataDir: path.join(folder, "data"), isFast: true, ...binaries });
    const stop = async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    };
    return { url: server.url, stop };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
