import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { parameterValue, traceparent } from "../../../src/router/function-headers.js";

const id = "01a20852-cfe9-70f9-8681-0aae2c4c1d47";

describe("parameterValue", () => {
  it("decodes what can stand in a header, and keeps the rest encoded", () => {
    expect(parameterValue("plain-5")).toBe("plain-5");
    expect(parameterValue("a%2Fb%20c")).toBe("a/b c");
    expect(parameterValue("caf%C3%A9")).toBe("caf%C3%A9");
    expect(parameterValue("%0D%0AX-Evil:%201")).toBe("%0D%0AX-Evil: 1");
    expect(parameterValue("100%25")).toBe("100%25");
    expect(parameterValue("%20a%20")).toBe("%20a%20");
    expect(parameterValue("%ff")).toBe("%25ff");
  });

  it("is always fit for a header, and decodes to the value", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (value) => {
        const header = parameterValue(encodeURIComponent(value));
        expect(header).toMatch(/^[\x20-\x7e]*$/);
        expect(header.trim()).toBe(header);
        expect(decodeURIComponent(header)).toBe(value);
      }),
    );
  });

  it("survives any raw segment", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (raw) => expect(parameterValue(raw)).toMatch(/^[\x20-\x7e]*$/)),
    );
  });
});

describe("traceparent", () => {
  it("is the caller's where that is valid", () => {
    const given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    expect(traceparent({ traceparent: given }, id)).toBe(given);
  });

  it("is made of the invocation's id otherwise", () => {
    const made = "00-01a20852cfe970f986810aae2c4c1d47-86810aae2c4c1d47-01";
    const wrong = [
      "",
      "00-x",
      "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
      `00-${"0".repeat(32)}-b7ad6b7169203331-00`,
    ];
    for (const given of [undefined, ...wrong]) expect(traceparent({ traceparent: given }, id)).toBe(made);
  });
});
