import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { logTag } from "../../src/lib/log-tag.js";
import { newId } from "../../src/lib/new-id.js";
import { maxMessageBytes, parseLine, storable } from "../../src/logs/parse-line.js";

describe("parseLine", () => {
  const at = new Date("2026-08-01T12:00:00.500Z");
  const identity = { functionId: newId(), version: 3, key: "the key" };
  const parse = (text: string, stream: "STDOUT" | "STDERR" = "STDOUT"): ReturnType<typeof parseLine> =>
    parseLine({ instanceId: "nodejs-1", stream, text, at }, identity);
  const json = (fields: object): string =>
    JSON.stringify({ t: at.getTime() - 20, s: "stderr", m: "printed", ...fields });

  it("takes a runtime's line for what it says, tied to the invocation that its tag proves", () => {
    const invocationId = newId();
    expect(parse(json({ i: invocationId, g: logTag("the key", invocationId) }))).toEqual({
      at: new Date(at.getTime() - 20),
      stream: "STDERR",
      message: "printed",
      functionId: identity.functionId,
      functionVersion: 3,
      invocationId,
      instance: "nodejs-1",
    });
  });

  it.each([
    ["no tag", {}],
    ["another key's tag", { g: logTag("another key", "00000000-0000-7000-8000-000000000001") }],
    ["another invocation's tag", { g: logTag("the key", "00000000-0000-7000-8000-000000000002") }],
    ["a tag that is no text", { g: 7 }],
  ])("ties a line to no invocation that comes with %s", (_, tag) => {
    const line = parse(json({ i: "00000000-0000-7000-8000-000000000001", ...tag }));
    expect(line).toMatchObject({ message: "printed", invocationId: null });
  });

  it("ties a line to no invocation whose id is no UUID, be the tag right", () => {
    expect(parse(json({ i: "x' OR 1", g: logTag("the key", "x' OR 1") })).invocationId).toBeNull();
  });

  it.each([
    "plain text",
    "",
    "{not json",
    "{}",
    "[1]",
    "null",
    '{"t":"1","s":"stdout","m":"x"}',
    '{"t":1,"s":"system","m":"x"}',
    '{"t":1,"s":"stdout","m":5}',
    '{"t":1,"s":"stdout"}',
  ])("takes %j for the instance's own text", (text) => {
    expect(parse(text, "STDERR")).toMatchObject({ at, stream: "STDERR", message: text, invocationId: null });
  });

  it.each([0, -1, 1e300, at.getTime() + 2 * 3_600_000])("does not believe the time %p", (t) => {
    expect(parse(json({ t })).at).toEqual(at);
  });

  it("never throws, whatever is printed", () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (text) => void parse(text)));
  });

  it("cuts a message beyond 64 KiB between two characters, and says so", () => {
    const whole = "a".repeat(maxMessageBytes);
    expect(storable(whole)).toBe(whole);
    for (const long of ["a".repeat(maxMessageBytes + 1), "€".repeat(maxMessageBytes), "x" + "𝄞".repeat(20_000)]) {
      const cut = storable(long);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(maxMessageBytes);
      expect(Buffer.byteLength(cut)).toBeGreaterThan(maxMessageBytes - 8);
      expect(cut).toMatch(new RegExp(` … \\[cut: ${Buffer.byteLength(long)} bytes\\]$`));
      expect(cut).not.toContain("\ufffd");
    }
  });
});
