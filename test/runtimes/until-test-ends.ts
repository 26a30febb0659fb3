import { afterEach } from "@jest/globals";
import type { RuntimeProcess } from "./runtime-process.js";

/** To be called once in a file or a suite: what is given to the function that it returns is stopped after the test. */
export function untilTestEnds(): (runtime: RuntimeProcess) => RuntimeProcess {
  const running: RuntimeProcess[] = [];
  afterEach(() => Promise.all(running.splice(0).map((runtime) => runtime.stop())));
  return (runtime) => {
    running.push(runtime);
    return runtime;
  };
}
