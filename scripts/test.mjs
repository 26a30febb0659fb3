/**
 * `npm test`: prepares the clone, then runs every test that needs nothing beyond Node and npm.
 * Arguments go to Jest: `npm test -- test/router`. What needs a browser or a cluster runs when it is
 * named: `npm test -- test/browser`.
 */
import path from "node:path";
import { explain, prepare, root, run } from "./prepare.mjs";

const needsMore = ["test/browser/", "test/cluster/"];

await prepare().catch(explain);
const args = process.argv.slice(2);
const ignored = needsMore.filter((folder) => !args.some((arg) => arg.includes(folder.replace(/\/$/, ""))));
const jest = path.join(root, "node_modules", "jest", "bin", "jest.js");
const options = ["/node_modules/", ...ignored].map((pattern) => `--testPathIgnorePatterns=${pattern}`);
const nodeOptions = [process.env.NODE_OPTIONS, "--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];
process.exitCode = await run(process.execPath, [jest, ...args, ...options], {
  stdio: "inherit",
  env: { ...process.env, NODE_ENV: "test", NODE_OPTIONS: nodeOptions.filter(Boolean).join(" ") },
});
