/** `npm run bench:cluster`: prepares the clone, then measures on the cluster of KUBECONFIG, with the images loaded there. */
import { explain, prepare } from "./prepare.mjs";

await prepare().catch(explain);
const { runClusterBench } = await import("../bench/cluster/run.mjs");
process.exitCode = await runClusterBench();
