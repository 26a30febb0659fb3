import { readdirSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { parse, validate } from "graphql";
import type { Operation } from "../../src/cli/graphql-client.js";
import { readSchema } from "./fake-api.js";

const folder = new URL("../../src/cli/operations/", import.meta.url);
const files = readdirSync(folder);

describe("The operations of the command line", () => {
  it.each(files)("are valid against schema.graphql: %s", async (file) => {
    const module = (await import(new URL(file, folder).href)) as Record<string, Operation<unknown, unknown>>;
    const schema = readSchema();
    const problems = Object.entries(module).flatMap(([name, { text }]) =>
      validate(schema, parse(text)).map(({ message }) => `${name}: ${message}`),
    );
    expect(Object.keys(module).length).toBeGreaterThan(0);
    expect(problems).toEqual([]);
  });

  it("would not pass with a field that is not there", () => {
    expect(validate(readSchema(), parse("{ environments { nodes { colour } } }"))).toHaveLength(1);
  });
});
