/** `fermi fetcher`: what runs beside an image of Fission's contracts in its pod. Started by a manifest, not by people. */
import { ConfigError } from "../config/read-config.js";
import { readFetcherConfig, type FetcherConfig } from "../config/fetcher-config.js";
import { Fetcher } from "../fetcher/fetcher.js";
import { FetcherServer } from "../fetcher/fetcher-server.js";
import { FetcherVerifier } from "../fetcher/signature.js";
import { systemClock } from "../lib/clock.js";
import { createLogger } from "./logger.js";

/** Resolves when it listens; SIGTERM ends it. Exit codes: 1 could not start, 2 wrong settings. */
export async function runFetcher(): Promise<void> {
  const config = configOrUndefined();
  if (config === undefined) return;
  const { contract, folder, instance, publicKey, port, imagePort } = config;
  const logger = createLogger({ level: "info", format: "json" });
  // The containers of a pod share its loopback.
  const image = { host: "127.0.0.1", port: imagePort };
  const fetcher = new Fetcher({ contract, folder, image, clock: systemClock });
  const verifier = new FetcherVerifier(publicKey, instance);
  const server = new FetcherServer({ fetcher, verifier, logger, clock: systemClock, host: "0.0.0.0", port });
  process.once("SIGTERM", () => void server.stop());
  try {
    logger.info({ port: await server.start(), contract }, "the fetcher listens");
  } catch (error) {
    logger.error({ err: error }, "the fetcher did not start");
    process.exitCode = 1;
  }
}

function configOrUndefined(): FetcherConfig | undefined {
  try {
    return readFetcherConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(error.problems.map((problem) => `fermi fetcher: ${problem}\n`).join(""));
    process.exitCode = 2;
    return undefined;
  }
}
