/**
 * Runs a command with FERMI_TEST_DATABASE_URL set to a temporary server of the system's PostgreSQL:
 * `node test/support/system-postgres.mjs npm test -- test/store`. Without a command it prints the address and waits.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { startTemporaryPostgres } from "./temporary-postgres.mjs";

const [command, ...args] = process.argv.slice(2);
const server = await startTemporaryPostgres({ isSystem: true });
// Ctrl-C reaches the command too: it ends, and then so does the server.
process.on("SIGINT", () => undefined);
if (command === undefined) {
  console.log(server.url);
  const keepAlive = setInterval(() => undefined, 60_000);
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  clearInterval(keepAlive);
} else {
  const env = { ...process.env, FERMI_TEST_DATABASE_URL: server.url };
  const child = spawn(command, args, { stdio: "inherit", env });
  const [code] = await once(child, "exit");
  process.exitCode = code ?? 1;
}
await server.stop();
