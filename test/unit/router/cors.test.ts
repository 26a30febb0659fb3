import { describe, expect, it } from "@jest/globals";
import { corsHeaders, preflightHeaders } from "../../../src/router/cors.js";
import { aPolicy } from "../../router/support/route-builders.js";

const pairs = (list: readonly string[]): Record<string, string> =>
  Object.fromEntries(list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1] ?? ""]] : [])));

describe("CORS", () => {
  it("names an origin that is allowed, and no other", () => {
    expect(pairs(corsHeaders(aPolicy(), "https://app.example"))).toEqual({
      Vary: "Origin",
      "Access-Control-Allow-Origin": "https://app.example",
    });
    expect(pairs(corsHeaders(aPolicy(), "https://evil.example"))).toEqual({ Vary: "Origin" });
    expect(corsHeaders(null, "https://app.example")).toEqual([]);
    expect(corsHeaders(aPolicy(), undefined)).toEqual(["Vary", "Origin"]);
  });

  it("answers a star with a star, and never with credentials", () => {
    const policy = aPolicy({ allowOrigins: ["*"], allowCredentials: true });
    expect(pairs(corsHeaders(policy, "https://evil.example"))).toEqual({
      Vary: "Origin",
      "Access-Control-Allow-Origin": "*",
    });
  });

  it("allows credentials to origins that are named", () => {
    const policy = aPolicy({ allowCredentials: true, exposeHeaders: ["X-A", "X-B"] });
    expect(pairs(corsHeaders(policy, "https://app.example"))).toMatchObject({
      "Access-Control-Allow-Credentials": "true",
      "Access-Control-Expose-Headers": "X-A, X-B",
    });
  });

  it("answers a preflight with the policy's methods, else the trigger's", () => {
    const given = preflightHeaders(
      aPolicy({ allowMethods: ["PUT"], allowHeaders: ["X-A"], maxAgeSeconds: 5 }),
      "https://app.example",
      ["GET"],
    );
    expect(pairs(given)).toMatchObject({
      "Access-Control-Allow-Methods": "PUT",
      "Access-Control-Allow-Headers": "X-A",
      "Access-Control-Max-Age": "5",
    });
    const made = preflightHeaders(aPolicy(), "https://app.example", ["GET", "POST"]);
    expect(pairs(made)).toMatchObject({ "Access-Control-Allow-Methods": "GET, POST" });
  });

  it("grants a strange origin's preflight nothing", () => {
    expect(Object.keys(pairs(preflightHeaders(aPolicy(), "https://evil.example", ["GET"])))).toEqual(["Vary"]);
  });
});
