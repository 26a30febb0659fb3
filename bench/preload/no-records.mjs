/** Loaded before Fermi's router: it is as if nothing were recorded or counted. For the share that both take. */
import { BatchingRecorder } from "../../dist/invocations/recorder.js";

for (const name of ["record", "count", "inFlight"]) {
  if (typeof BatchingRecorder.prototype[name] !== "function") throw new Error(`the recorder has no ${name}`);
  BatchingRecorder.prototype[name] = () => {};
}
