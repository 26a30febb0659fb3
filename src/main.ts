#!/usr/bin/env node
const args = process.argv.slice(2);
// Each is loaded only where it runs: the command line is to answer at once, the fetcher to need little memory.
if (args[0] === "fetcher") {
  await (await import("./app/fetcher.js")).runFetcher();
} else if (args[0] === "init-secrets") {
  await (await import("./app/init-secrets.js")).initSecrets(args.slice(1));
} else {
  const { runCli } = await import("./cli/program.js");
  const code = await runCli(args, {
    serve: async (flags, write) => {
      // First: loading the server takes a while, and a stop that is asked for meanwhile is to be remembered.
      (await import("./app/stop-request.js")).stopRequest.heedSignals();
      await (await import("./app/serve.js")).serve(flags, write);
    },
    migrate: async (flags, write) => (await import("./app/migrate-store.js")).migrateStore(flags, write),
  });
  // A server that failed has left its own exit code.
  if (code !== 0) process.exitCode = code;
}
