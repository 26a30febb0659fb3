/** `npm start`: prepares the clone, then becomes the server: one process, so signals and exit code are the server's own. */
import path from "node:path";
import { pathToFileURL } from "node:url";
import { explain, prepare, root } from "./prepare.mjs";

const parent = process.ppid;

await prepare().catch(explain);
if (process.env.npm_lifecycle_event === "start") stopWithParent();
const main = path.join(root, "dist", "main.js");
process.argv = [process.execPath, main, "serve", ...process.argv.slice(2)];
await import(pathToFileURL(main).href);

/**
 * npm runs this in a shell, and SIGTERM for npm ends that shell and gets no further; nor does anything where npm is
 * killed. So the end of the parent is the word to stop. (Ctrl-C reaches this process by itself.)
 */
function stopWithParent() {
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, 200);
  watch.unref();
  // Asked once is enough: a second signal would end requests in flight.
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => clearInterval(watch));
}
