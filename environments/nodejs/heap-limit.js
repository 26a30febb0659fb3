/**
 * Node has its own modules compiled beforehand, but V8 takes that code only under the flags that it was compiled with: with
 * a limit of the heap it compiles each of them anew. The limit counts from the start of the process, whatever becomes of
 * its flag; so the flag is away while the runtime loads, and back for the threads that user code starts. To be imported
 * before all else.
 */
import { setFlagsFromString } from "node:v8";

const limit = process.execArgv.find((option) => option.startsWith("--max-old-space-size="));

if (limit !== undefined) setFlagsFromString("--max-old-space-size=0");

export function restoreFlag() {
  if (limit !== undefined) setFlagsFromString(limit);
}
