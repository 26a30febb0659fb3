import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { LocalDriver, type LocalDriverOptions } from "../../src/cluster/local/local-driver.js";
import { systemClock } from "../../src/lib/clock.js";
import { silentLogger } from "../../src/lib/logger.js";

export const runtimesDir = fileURLToPath(new URL("../../environments", import.meta.url));

/** A started driver in a folder of its own, and what ends both. */
export async function aLocalDriver(
  change: Partial<LocalDriverOptions> = {},
): Promise<{ driver: LocalDriver; dataDir: string; stop: () => Promise<void> }> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "fermi-local-"));
  // As the server's own data folder: others may pass through it, also where the tests run as root.
  await chmod(dataDir, 0o711);
  const driver = new LocalDriver({
    dataDir,
    runtimesDir,
    path: process.env["PATH"] ?? "/usr/bin:/bin",
    node: process.execPath,
    lang: "C.UTF-8",
    clock: systemClock,
    logger: silentLogger,
    maxInstances: 32,
    ...change,
  });
  await driver.start();
  const stop = async (): Promise<void> => {
    await driver.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { driver, dataDir, stop };
}
