/** Loaded before Fermi: on SIGUSR2 it collects its garbage, so that what is used after it is what is kept. */
const { setFlagsFromString } = require("node:v8");
const { runInNewContext } = require("node:vm");

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
process.on("SIGUSR2", () => {
  collect();
  // What waited for finalization is gone with the next one.
  setImmediate(collect);
});
