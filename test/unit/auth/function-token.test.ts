import { describe, expect, it } from "@jest/globals";
import { FunctionTokens, tokenLifetimeMs, tokenRenewedAfterMs } from "../../../src/auth/function-token.js";
import { systemClock, type Clock } from "../../../src/lib/clock.js";

const holder = { functionId: "f1", namespace: "shop" };

describe("FunctionTokens", () => {
  let nowMs = 1_000_000;
  const clock: Clock = { ...systemClock, now: () => new Date(nowMs) };
  const tokens = new FunctionTokens("the secret of this installation", clock);
  const bearer = (token: string): string => `Bearer ${token}`;

  it("knows whom it gave a token to, in any process with the secret", () => {
    const token = tokens.issue(holder).token;
    expect(tokens.verify(bearer(token))).toEqual(holder);
    expect(new FunctionTokens("the secret of this installation", clock).verify(bearer(token))).toEqual(holder);
    expect(token).toMatch(/^[\w-]+\.[\w-]+$/);
  });

  it("gives each function its own, the same until it is renewed", () => {
    const token = tokens.issue(holder).token;
    expect(tokens.issue({ ...holder, functionId: "f2" }).token).not.toBe(token);
    nowMs += tokenRenewedAfterMs - 1;
    expect(tokens.issue(holder).token).toBe(token);
    nowMs += 1;
    expect(tokens.issue(holder).token).not.toBe(token);
    expect(tokens.verify(bearer(token))).toEqual(holder);
  });

  it("refuses one that has expired", () => {
    const token = tokens.issue(holder).token;
    nowMs += tokenLifetimeMs;
    expect(() => tokens.verify(bearer(token))).toThrow("The token has expired");
  });

  it("renews early enough for a request of an hour", () => {
    expect(tokenLifetimeMs - tokenRenewedAfterMs).toBeGreaterThan(3_600_000);
  });

  it.each([
    ["nothing", undefined],
    ["no bearer", "Basic abc"],
    ["no token", "Bearer abc"],
    ["one of another installation", bearer(new FunctionTokens("another secret", clock).issue(holder).token)],
    [
      "one whose content was changed",
      bearer(tokens.issue(holder).token.replace(/^[\w-]+/, Buffer.from('["f1","other",9e15]').toString("base64url"))),
    ],
  ])("refuses %s", (_what, authorization) => {
    expect(() => tokens.verify(authorization)).toThrow(expect.objectContaining({ code: "UNAUTHENTICATED" }));
  });
});
