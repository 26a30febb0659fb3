import { describe, expect, it } from "@jest/globals";
import { buildSchema, parse, validate, Kind, type OperationDefinitionNode } from "graphql";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { spellsOutSecrets } from "../../web/src/history.js";

const repository = path.resolve(import.meta.dirname, "../..");
const folder = path.join(repository, "web", "src", "tour");
const tabs = readdirSync(folder)
  .filter((file) => file.endsWith(".graphql"))
  .map((file) => ({ file, text: readFileSync(path.join(folder, file), "utf8") }));
/** The others stand beside the walk-through. */
const steps = tabs.filter(({ file }) => /^(start|step)/.test(file));
const schema = buildSchema(readFileSync(path.join(repository, "schema.graphql"), "utf8"));

const operationOf = (text: string): OperationDefinitionNode => {
  const [operation, ...others] = parse(text).definitions;
  if (operation?.kind !== Kind.OPERATION_DEFINITION || others.length > 0) throw new Error("one operation is expected");
  return operation;
};

/** What stands in a tab's comments, from its first brace to that one's end, with the word in front of it. */
function operationsOfComments(text: string): string[] {
  const comment = (text.match(/^#.*$/gm) ?? []).map((line) => line.slice(1)).join("\n");
  return [...comment.matchAll(/(?:mutation|subscription|query)?\s*\{/g)]
    .map(({ 0: start, index }) => ({ index, end: endOfBraces(comment, index + start.length), start }))
    .filter(({ index }, at, all) => all.slice(0, at).every((before) => before.end <= index))
    .map(({ index, end }) => comment.slice(index, end).trim())
    .filter((source) => !isExample(source));
}

function endOfBraces(text: string, from: number): number {
  let depth = 1;
  let at = from;
  for (; at < text.length && depth > 0; at++) depth += { "{": 1, "}": -1 }[text.charAt(at)] ?? 0;
  return at;
}

/** `{ "authorization": … }` and `/users/{id}` are no operations. */
const isExample = (source: string): boolean => source.startsWith(`{ "`) || source === "{id}";

describe("Walk-through", () => {
  it("is a page of what there is, then five steps", () =>
    expect(steps.map(({ text }) => operationOf(text).name?.value)).toEqual([
      "Start",
      "Step1_Create",
      "Step2_Route",
      "Step3_Call",
      "Step4_Logs",
      "Step5_Timer",
    ]));

  it("asks for a query, mutations and a subscription", () =>
    expect(steps.map(({ text }) => operationOf(text).operation)).toEqual([
      "query",
      "mutation",
      "mutation",
      "mutation",
      "subscription",
      "mutation",
    ]));

  describe.each(tabs)("$file", ({ text }) => {
    it("is valid against the API", () => expect(validate(schema, parse(text))).toEqual([]));

    it("needs no variables", () => expect(operationOf(text).variableDefinitions ?? []).toEqual([]));

    it("says what it does", () => expect(text.match(/^# \S/gm)?.length).toBeGreaterThan(5));

    it("has lines that fit beside an answer on a laptop", () =>
      expect(text.split("\n").filter((line) => line.length > 54)).toEqual([]));

    it("has nothing that would keep it out of the history", () => expect(spellsOutSecrets(text)).toBe(false));
  });

  it("names a next step that exists", () => {
    const names = steps.map(({ text }) => operationOf(text).name?.value);
    const mentioned = steps.flatMap(({ text }) => text.match(/Step\d_\w+/g) ?? []);
    expect(mentioned.filter((name) => !names.includes(name))).toEqual([]);
  });

  it("tells of operations that are valid too", () => {
    const told = tabs.flatMap(({ file, text }) => operationsOfComments(text).map((source) => ({ file, source })));
    expect(told.length).toBeGreaterThan(6);
    const problems = told.flatMap(({ file, source }) =>
      validate(schema, parse(source)).map(({ message }) => `${file}: ${source}: ${message}`),
    );
    expect(problems).toEqual([]);
  });
});
