#!/usr/bin/env node
import { runCli } from "./cli/program.js";

const args = process.argv.slice(2);
// The server's packages are loaded only where it runs: the command line is to answer at once.
if (args[0] === "fetcher") {
  await (await import("./app/fetcher.js")).runFetcher();
} else if (args[0] === "init-secrets") {
  await (await import("./app/init-secrets.js")).initSecrets(args.slice(1));
} else {
  const code = await runCli(args, {
    serve: async (flags, write) => (await import("./app/serve.js")).serve(flags, write),
  });
  // A server that failed has left its own exit code.
  if (code !== 0) process.exitCode = code;
}
