#!/usr/bin/env node
import { serve } from "./app/serve.js";
import { runCli } from "./cli/program.js";

const code = await runCli(process.argv.slice(2), { serve });
// A server that failed has left its own.
if (code !== 0) process.exitCode = code;
