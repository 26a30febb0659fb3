/** Loaded before a process, with --expose-gc: collects all garbage now and then and notes what is left. */
import { appendFileSync } from "node:fs";

const { BENCH_HEAP_FILE: file, BENCH_HEAP_EVERY_MS: everyMs } = process.env;
const note = () => {
  globalThis.gc();
  appendFileSync(`${file}-${process.pid}`, `${Date.now()} ${process.memoryUsage().heapUsed}\n`);
};
setInterval(note, Number(everyMs)).unref();
