/** `npm start`: prepares the clone, then becomes the server: one process, so signals and exit code are the server's own. */
import path from "node:path";
import { pathToFileURL } from "node:url";
import { explain, prepare, root } from "./prepare.mjs";

const signals = ["SIGINT", "SIGTERM"];
const inDist = (...parts) => pathToFileURL(path.join(root, "dist", ...parts)).href;
/** Until the server heeds a stop, nothing is begun that would not end with this process. */
let stop = () => process.exit(0);
const leave = () => stop();

for (const signal of signals) process.on(signal, leave);
if (process.env.npm_lifecycle_event === "start") stopWithParent();
await prepare().catch(explain);
const { stopRequest } = await import(inDist("app", "stop-request.js"));
stopRequest.heedSignals();
stop = () => stopRequest.ask("the end of npm");
for (const signal of signals) process.off(signal, leave);
process.argv = [process.execPath, path.join(root, "dist", "main.js"), "serve", ...process.argv.slice(2)];
await import(inDist("main.js"));

/**
 * npm runs this in a shell, and SIGTERM for npm ends that shell and gets no further; nor does anything where npm is
 * killed. So the end of the parent is the word to stop. (Ctrl-C reaches this process by itself.)
 */
function stopWithParent() {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    stop();
  }, 200);
  watch.unref();
}
