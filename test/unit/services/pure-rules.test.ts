import { describe, expect, it } from "@jest/globals";
import {
  buildVersion,
  entrypointFitsFault,
  isSameContent,
  variablesFitFault,
} from "../../../src/services/function-version.js";
import { refuse, refuseStale } from "../../../src/services/refusals.js";
import { revise } from "../../../src/services/revise.js";
import { firstFreeName, triggerNameBase } from "../../../src/services/trigger-name.js";

const content = { environmentId: "e", source: "grüß", entrypoint: null, variables: [{ name: "A", value: "1" }] };

describe("A version", () => {
  it("has the digest and the size of its UTF-8", () => {
    const identity = { id: "v", functionId: "f", number: 1, createdAt: new Date(0) };
    const version = buildVersion(identity, content);
    expect(version).toMatchObject({ ...identity, sizeBytes: 6, entrypoint: null });
    expect(version.digest).toBe("0be03191333143d96baa686cb1084f775f1d73d7d580b35367694594f4904c48");
    expect(version).not.toHaveProperty("source");
  });

  it("is another one where anything that runs differs", () => {
    expect(isSameContent(content, { ...content, variables: [...content.variables] })).toBe(true);
    for (const change of [{ environmentId: "x" }, { source: "x" }, { entrypoint: "x" }, { variables: [] }]) {
      expect(isSameContent(content, { ...content, ...change })).toBe(false);
    }
    const swapped = [
      { name: "B", value: "2" },
      { name: "A", value: "1" },
    ];
    expect(isSameContent({ ...content, variables: swapped }, { ...content, variables: swapped.toReversed() })).toBe(
      true,
    );
    expect(isSameContent(content, { ...content, variables: [{ name: "A", value: "2" }] })).toBe(false);
  });

  it("with variables needs the contract FERMI", () => {
    expect(variablesFitFault({ contract: "FERMI" } as never, content.variables, "variables")).toBeUndefined();
    expect(variablesFitFault({ contract: "FISSION_V1" } as never, [], "variables")).toBeUndefined();
    expect(variablesFitFault({ contract: "FISSION_V1" } as never, content.variables, "toVersion")?.field).toBe(
      "toVersion",
    );
  });
});

describe("An entrypoint", () => {
  it.each([
    ["FERMI", "main", undefined],
    ["FERMI", "module.main", "an export's name"],
    ["FISSION_V1", "main", "must have no entrypoint"],
    ["FISSION_V2", "main", undefined],
    ["FISSION_V2", "my-module.main", undefined],
  ])("of the contract %s: %s", (contract, entrypoint, message) => {
    const fault = entrypointFitsFault({ contract } as never, entrypoint, "entrypoint");
    if (message === undefined) expect(fault).toBeUndefined();
    else expect(fault).toEqual({ field: "entrypoint", message: expect.stringContaining(message) });
    expect(entrypointFitsFault({ contract } as never, null, "entrypoint")).toBeUndefined();
  });
});

describe("A revision", () => {
  const environment = {
    ...{ id: "1", namespace: "n", name: "a", revision: 3, createdAt: new Date(0), updatedAt: new Date(0) },
    sizes: { poolSize: 1 },
  };
  it("grows with a difference only", () => {
    expect(revise(environment, { sizes: { poolSize: 1 } }, new Date(5))).toBe(environment);
    expect(revise(environment, { sizes: { poolSize: 2 } }, new Date(5))).toEqual({
      ...environment,
      sizes: { poolSize: 2 },
      revision: 4,
      updatedAt: new Date(5),
    });
  });

  it("that has passed is refused", () => {
    expect(() => refuseStale("function", environment, 3)).not.toThrow();
    expect(() => refuseStale("function", environment, null)).not.toThrow();
    expect(() => refuseStale("function", environment, 2)).toThrow(/its revision is 3/);
  });
});

describe("A refusal", () => {
  it("begins with the field and is a sentence", () => {
    expect(() => refuse(undefined)).not.toThrow();
    expect(() => refuse({ field: "poolSize", message: "must be 1" })).toThrow("poolSize must be 1.");
  });
});

describe("A trigger's name", () => {
  it.each([
    [["GET"], "/users/{id}", "get-users-id"],
    [["POST", "GET"], "/", "post-root"],
    [["GET"], "/*", "get-root"],
    [["GET"], "/A%20b/_c_/", "get-a-20b-c"],
    [["DELETE"], `/${"x".repeat(90)}`, `delete-${"x".repeat(48)}`],
    [["GET"], `/${"x".repeat(50)}/y`, `get-${"x".repeat(50)}`],
  ])("of %j %s is %s", (methods, path, name) => expect(triggerNameBase(methods, path)).toBe(name));

  it("gets the first number that is free", () => {
    expect(firstFreeName("a", [])).toBe("a");
    expect(firstFreeName("a", ["a", "a-2", "a-4"])).toBe("a-3");
  });
});
