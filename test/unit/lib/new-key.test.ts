import { describe, expect, it } from "@jest/globals";
import { newKey } from "../../../src/lib/new-key.js";

describe("newKey", () => {
  it("makes 32 bytes, never the same, of characters that a header may have", () => {
    const keys = Array.from({ length: 100 }, newKey);
    expect(new Set(keys).size).toBe(100);
    for (const key of keys) {
      expect(key).toMatch(/^[\w-]+$/);
      expect(Buffer.from(key, "base64url")).toHaveLength(32);
    }
  });
});
