/** Says when requests are due: Node's own timers are as coarse as a millisecond, a thread that sleeps is not. */
import { parentPort, workerData } from "node:worker_threads";

const { startNs, everyNs, total } = workerData;
const cell = new Int32Array(new SharedArrayBuffer(4));

for (let due = 0; due < total;) {
  const aheadNs = startNs + due * everyNs - Number(process.hrtime.bigint());
  if (aheadNs > 0) Atomics.wait(cell, 0, 0, aheadNs / 1e6);
  const sinceNs = Number(process.hrtime.bigint()) - startNs;
  const now = Math.min(total, Math.floor(sinceNs / everyNs) + 1);
  if (now <= due) continue;
  due = now;
  parentPort.postMessage(due);
}
