#!/usr/bin/env node
import { runCli } from "./cli/program.js";

const code = await runCli(process.argv.slice(2), {
  // The server's packages are loaded only where it runs: the command line is to answer at once.
  serve: async (args) => (await import("./app/serve.js")).serve(args),
});
// A server that failed has left its own exit code.
if (code !== 0) process.exitCode = code;
