import { describe, expect, it } from "@jest/globals";
import { InternalAuth, internalAuthHeader } from "../../../src/auth/internal-auth.js";
import { NonceCache } from "../../../src/auth/nonce-cache.js";
import { systemClock, type Clock } from "../../../src/lib/clock.js";

const secret = "a secret of thirty-two characters";
const request = { method: "POST", path: "/v1/router?a=b", content: "what" };
const at = (ms: number): Clock => ({ ...systemClock, now: () => new Date(ms) });
const noon = Date.UTC(2026, 7, 1, 12);

describe("InternalAuth", () => {
  const verifier = new InternalAuth(secret, at(noon));
  const signed = (ms = noon, by = secret): string => {
    const headers = new InternalAuth(by, at(ms)).sign(request);
    return headers[internalAuthHeader] ?? "";
  };
  const unauthenticated = (message: RegExp) =>
    expect.objectContaining({ code: "UNAUTHENTICATED", message: expect.stringMatching(message) });
  const refuses = (message: RegExp, header: string | undefined, asked = request): void =>
    expect(() => verifier.verify(header, asked)).toThrow(unauthenticated(message));

  it("takes what was signed with the same secret, once", () => {
    const header = signed();
    expect(() => verifier.verify(header, request)).not.toThrow();
    refuses(/was made before/, header);
    expect(() => verifier.verify(signed(), request)).not.toThrow();
  });

  it("refuses what is not signed, can't be read, or was signed with another secret", () => {
    refuses(/lacks the header x-fermi-internal-auth/, undefined);
    refuses(/can't be read/, "Bearer x");
    refuses(/can't be read/, signed().slice(0, -1));
    refuses(/not signed with the secret \(FERMI_INTERNAL_SECRET\)/, signed(noon, "another"));
  });

  it("refuses a signature of another request", () => {
    for (const change of [{ method: "GET" }, { path: "/v1/pools" }, { content: "" }]) {
      refuses(/not signed/, signed(), { ...request, ...change });
    }
  });

  it("allows clocks to differ by a minute, and says by how much they do beyond", () => {
    for (const ms of [-60_000, 60_000]) expect(() => verifier.verify(signed(noon + ms), request)).not.toThrow();
    refuses(/signed 61 s ago by this machine's clock; the clocks of all machines must agree/, signed(noon - 61_000));
    refuses(/signed 90 s in the future by this machine's clock/, signed(noon + 90_000));
  });

  it("does not give the secret away in what it says", () => {
    let said = "";
    try {
      verifier.verify(signed(noon, "another"), request);
    } catch (error) {
      said = JSON.stringify(error) + String(error);
    }
    expect(said).toContain("not signed");
    expect(said).not.toContain(secret);
  });
});

describe("NonceCache", () => {
  it("knows a nonce for as long as it could be used again, and no longer", () => {
    const cache = new NonceCache(60_000, 10);
    expect(cache.isNew("a", 100_000, 100_000)).toBe(true);
    expect(cache.isNew("a", 100_000, 159_000)).toBe(false);
    // Signed by a clock that is ahead.
    expect(cache.isNew("b", 220_000, 160_000)).toBe(true);
    expect(cache.isNew("b", 220_000, 270_000)).toBe(false);
  });

  it("refuses what is too old to be remembered, rather than what is new, where there are too many", () => {
    const cache = new NonceCache(60_000, 2);
    expect(cache.isNew("a", 100_000, 103_000)).toBe(true);
    expect(cache.isNew("b", 101_000, 103_000)).toBe(true);
    expect(cache.isNew("c", 102_000, 103_000)).toBe(true);
    expect(cache.isNew("a", 100_000, 103_000)).toBe(false);
    expect(cache.isNew("d", 100_500, 103_000)).toBe(false);
    expect(cache.isNew("b", 101_000, 103_000)).toBe(false);
    expect(cache.isNew("e", 102_000, 103_000)).toBe(true);
  });

  it("lets nothing in twice when a clock is set back", () => {
    const cache = new NonceCache(60_000, 10);
    expect(cache.isNew("a", 100_000, 100_000)).toBe(true);
    expect(cache.isNew("b", 300_000, 300_000)).toBe(true);
    expect(cache.isNew("a", 100_000, 101_000)).toBe(false);
  });
});
