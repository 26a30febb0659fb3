import { describe, expect, it } from "@jest/globals";
import { instanceKeys } from "../../../src/auth/instance-keys.js";

describe("instanceKeys", () => {
  it("gives whoever has the secret the same key of an instance, and each instance its own", () => {
    const [one, same] = [instanceKeys("s".repeat(32)), instanceKeys("s".repeat(32))];
    expect(one("a")).toBe(same("a"));
    expect(one("a")).not.toBe(one("b"));
    expect(one("a")).toMatch(/^[\w-]{43}$/);
  });

  it("gives another key under another secret", () => {
    expect(instanceKeys("s".repeat(32))("a")).not.toBe(instanceKeys("t".repeat(32))("a"));
  });
});
