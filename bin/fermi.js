#!/usr/bin/env node
/** The program, compiled: CLI and server alike. */
import { existsSync } from "node:fs";

const main = new URL("../dist/main.js", import.meta.url);
if (!existsSync(main)) {
  console.error("fermi: not compiled yet; run `npm start` once, or `npm ci && npm run build`");
  process.exit(1);
}
await import(main.href);
