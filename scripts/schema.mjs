/** `npm run schema`: writes schema.graphql from the types in src/schema. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { explain, prepare, root } from "./prepare.mjs";

await prepare().catch(explain);
const { schemaText } = await import("../dist/resolvers/build-schema.js");
writeFileSync(path.join(root, "schema.graphql"), await schemaText());
