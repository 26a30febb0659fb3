import { describe, expect, it } from "@jest/globals";
import { chosenOperation } from "../../web/src/operation.js";

const two = "query A { a } subscription B { b }";

describe("The operation that runs", () => {
  it("is the one that was chosen", () => {
    expect(chosenOperation(two, "A")).toEqual({ name: "A", isSubscription: false });
    expect(chosenOperation(two, "B")).toEqual({ name: "B", isSubscription: true });
  });

  it("is the only one there is, whatever the name of the tab before", () => {
    expect(chosenOperation("subscription B { b }", "Start")).toEqual({ name: "B", isSubscription: true });
    expect(chosenOperation("{ a }", "Start")).toEqual({ name: undefined, isSubscription: false });
    expect(chosenOperation("subscription { b }", null)).toEqual({ name: undefined, isSubscription: true });
  });

  it("is left to the server where none of several was chosen", () => {
    expect(chosenOperation(two, undefined)).toEqual({ name: undefined, isSubscription: false });
    expect(chosenOperation(two, "Gone")).toEqual({ name: "Gone", isSubscription: false });
  });

  it("is left to the server where the text cannot be read", () =>
    expect(chosenOperation("subscription {", "B")).toEqual({ name: "B", isSubscription: false }));

  it("is not a fragment", () =>
    expect(chosenOperation("subscription B { ...F } fragment F on S { b }", "F")).toEqual({
      name: "B",
      isSubscription: true,
    }));
});
