/** A process of its own that holds an embedded database: prints its address, or the refusal's code, then waits. */
import { startEmbeddedPostgres } from "../../../dist/store/embedded-postgres.js";

try {
  const { url } = await startEmbeddedPostgres({ dataDir: process.argv[2], isFast: true });
  process.stdout.write(`${url}\n`);
  setInterval(() => undefined, 60_000);
} catch (error) {
  process.stdout.write(`${error.code} ${error.message}\n`);
  process.exitCode = 1;
}
