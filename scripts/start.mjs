/** `npm start`: prepares the clone, then becomes the server: one process, so signals and exit code are the server's own. */
import path from "node:path";
import { pathToFileURL } from "node:url";
import { explain, prepare, root } from "./prepare.mjs";

await prepare().catch(explain);
const main = path.join(root, "dist", "main.js");
process.argv = [process.execPath, main, "serve", ...process.argv.slice(2)];
await import(pathToFileURL(main).href);
