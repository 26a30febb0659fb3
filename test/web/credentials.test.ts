import { describe, expect, it } from "@jest/globals";
import { Credentials } from "../../web/src/credentials.js";

describe("Credentials", () => {
  it("sends what a tab's headers say, with lower-case names", () =>
    expect(new Credentials().apply({ "X-Request-Id": "1", Authorization: "Bearer a" })).toEqual({
      "x-request-id": "1",
      authorization: "Bearer a",
    }));

  it("sends nothing of itself where no token was ever written", () =>
    expect(new Credentials().apply(undefined)).toEqual({}));

  it("holds a token for the tabs that write none", () => {
    const credentials = new Credentials();
    credentials.apply({ authorization: "Bearer a" });
    expect(credentials.apply({ "x-a": "1" })).toEqual({ "x-a": "1", authorization: "Bearer a" });
    expect(credentials.apply(undefined)).toEqual({ authorization: "Bearer a" });
  });

  it("takes the token written last, and forgets it for an empty one", () => {
    const credentials = new Credentials();
    credentials.apply({ authorization: "Bearer a" });
    expect(credentials.apply({ authorization: "Bearer b" })).toEqual({ authorization: "Bearer b" });
    expect(credentials.apply({ authorization: "" })).toEqual({});
    expect(credentials.apply(undefined)).toEqual({});
  });

  it("tells of a change once, and no more after the listener has left", () => {
    const credentials = new Credentials();
    let told = 0;
    const leave = credentials.onChange(() => told++);
    credentials.apply({ authorization: "Bearer a" });
    credentials.apply({ authorization: "Bearer a" });
    credentials.apply(undefined);
    expect(told).toBe(1);
    leave();
    credentials.apply({ authorization: "Bearer b" });
    expect(told).toBe(1);
  });
});
