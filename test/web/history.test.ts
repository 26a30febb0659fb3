import { describe, expect, it } from "@jest/globals";
import { spellsOutSecrets, withoutSecrets } from "../../web/src/history.js";

describe("History", () => {
  it("keeps an operation's text, name, label and star", () => {
    const item = { query: "{ a }", operationName: "A", label: "mine", favorite: true };
    expect(JSON.parse(withoutSecrets(JSON.stringify({ favorites: [item] })))).toEqual({ favorites: [item] });
  });

  it("keeps neither headers nor variables", () => {
    const item = { query: "{ a }", headers: '{"authorization":"Bearer s3cret"}', variables: '{"password":"s3cret"}' };
    const kept = withoutSecrets(JSON.stringify({ queries: [item] }));
    expect(kept).not.toContain("s3cret");
    expect(JSON.parse(kept)).toEqual({ queries: [{ query: "{ a }" }] });
  });

  it("leaves out an operation that spells out secrets, and keeps those around it", () => {
    const queries = ["{ a }", 'mutation { f(input: {variables: [{name: "KEY", value: "s3cret"}]}) }', "{ b }"];
    const kept = withoutSecrets(JSON.stringify({ queries: queries.map((query) => ({ query })) }));
    expect(JSON.parse(kept)).toEqual({ queries: [{ query: "{ a }" }, { query: "{ b }" }] });
  });

  it("leaves out an entry without an operation", () =>
    expect(withoutSecrets('{"queries":[{"headers":"s3cret"}]}')).toBe('{"queries":[]}'));
});

describe("An operation", () => {
  it.each([
    ["a function's variable", 'mutation { f(input: {variables: [{name: "KEY", value: "x"}]}) { id } }'],
    ["a block of text", 'mutation { f(input: {variables: [{name: "KEY", value: """x"""}]}) { id } }'],
    ["a call's header", 'mutation { f(input: {headers: {name: "Authorization", value: "x"}}) { id } }'],
    ["a default of a variable", 'mutation M($i: In = {headers: [{value: "x"}]}) { f(input: $i) { id } }'],
    [
      "headers by a default",
      'mutation M($h: [H!] = [{name: "authorization", value: "x"}]) { f(input: {headers: $h}) { id } }',
    ],
    [
      "a value by a default",
      'mutation M($n: String!, $v: String! = "x") { f(input: {variables: [{name: $n, value: $v}]}) { id } }',
    ],
  ])("that gives %s spells out a secret", (_, query) => expect(spellsOutSecrets(query)).toBe(true));

  it("that cannot be read counts as if it did", () => expect(spellsOutSecrets("mutation {")).toBe(true));

  it.each([
    ["reads variables and headers", "{ function { currentVersion { variables { name value } } result { headers } } }"],
    [
      "has defaults without text",
      "query Q($first: Int = 5, $kind: Kind = HTTP) { f(first: $first, kind: $kind) { id } }",
    ],
    ["refers to GraphQL variables", "mutation M($v: [V!]) { f(input: {variables: $v}) { id } }"],
    ["sets them to nothing", 'mutation { f(input: {name: "a", variables: [], headers: null}) { id } }'],
  ])("that %s spells out none", (_, query) => expect(spellsOutSecrets(query)).toBe(false));
});
