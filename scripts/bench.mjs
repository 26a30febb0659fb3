/** `npm run bench`: prepares the clone, then measures; `npm run bench -- cold warm` measures only what is named. */
import { explain, prepare } from "./prepare.mjs";

await prepare().catch(explain);
const { runBench } = await import("../bench/run.mjs");
process.exitCode = await runBench(process.argv.slice(2));
