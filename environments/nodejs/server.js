/**
 * Fermi's runtime for Node: one process that serves one function, as environments/CONTRACT.md says.
 *
 * Options: `--host` (127.0.0.1), `--ready-fd` (writes `{"port"}` there once it listens), `--exit-with-stdin` (ends when
 * stdin does), `--body-limit` (bytes that are buffered for handlers that take the whole body, where the specialization
 * does not say). PORT may be 0.
 *
 * Node has its own modules compiled beforehand, but V8 takes that code only under the flags that it was compiled with: with
 * a limit of the heap it compiles each of them anew. The limit counts from the start of the process, whatever becomes of
 * its flag; so the flag is away while the runtime loads, and back for the threads that user code starts.
 */
const heapLimit = process.execArgv.find((option) => option.startsWith("--max-old-space-size="));

if (heapLimit === undefined) await import("./serve.js");
else {
  const { setFlagsFromString } = await import("node:v8");
  setFlagsFromString("--max-old-space-size=0");
  await import("./serve.js");
  setFlagsFromString(heapLimit);
}
