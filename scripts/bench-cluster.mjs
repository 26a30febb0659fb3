/**
 * `npm run bench:cluster`: prepares the clone, then measures on the cluster of KUBECONFIG, with the images loaded there;
 * `npm run bench:cluster -- watchDelay` measures only what is named.
 */
import { explain, prepare } from "./prepare.mjs";

await prepare().catch(explain);
const { runClusterBench } = await import("../bench/cluster/run.mjs");
process.exitCode = await runClusterBench(process.argv.slice(2));
