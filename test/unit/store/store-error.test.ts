import { describe, expect, it } from "@jest/globals";
import { QueryFailedError } from "typeorm";
import { AppError } from "../../../src/errors/app-error.js";
import { isStoreUnavailable, violatedConstraint } from "../../../src/store/store-error.js";
import { withStore } from "../../../src/store/with-store.js";
import type { Clock } from "../../../src/lib/clock.js";

const coded = (code: string, more: object = {}): Error =>
  Object.assign(new Error("said by the driver"), { code, ...more });
const failed = (cause: Error): QueryFailedError => new QueryFailedError("SELECT secret", [], cause);

describe("An error of the store", () => {
  it.each(["ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "57P01", "57P03", "57014", "08006", "53300", "25006", "28P01"])(
    "with the code %s means that it is unavailable",
    (code) => {
      expect(isStoreUnavailable(coded(code))).toBe(true);
      expect(isStoreUnavailable(failed(coded(code)))).toBe(true);
    },
  );

  it.each([
    "Connection terminated unexpectedly",
    "timeout exceeded when trying to connect",
    "Client was closed and is not queryable",
  ])("that says %j does too", (message) => expect(isStoreUnavailable(failed(new Error(message)))).toBe(true));

  it("is looked at inside a collection of errors", () => {
    expect(isStoreUnavailable(new AggregateError([coded("ECONNREFUSED"), coded("ECONNREFUSED")]))).toBe(true);
  });

  it.each([[coded("23505")], [coded("42P01")], [new TypeError("x is not a function")], [undefined], ["text"]])(
    "is otherwise a fault: %s",
    (error) => expect(isStoreUnavailable(error)).toBe(false),
  );

  it("tells which constraint refused a row", () => {
    expect(violatedConstraint(failed(coded("23505", { constraint: "a_key" })))).toBe("a_key");
    expect(violatedConstraint(failed(coded("22P02", { constraint: "a_key" })))).toBeUndefined();
    expect(violatedConstraint(new Error("other"))).toBeUndefined();
  });
});

describe("withStore", () => {
  const clock = (): Clock & { ring(): void; isSet(): boolean } => {
    let task: (() => void) | undefined;
    return {
      now: () => new Date(0),
      monotonicMs: () => 0,
      after: (_, given) => {
        task = given;
        return { stop: () => (task = undefined) };
      },
      ring: () => task?.(),
      isSet: () => task !== undefined,
    };
  };

  it("hides what the database said, and keeps it as the cause", async () => {
    const cause = failed(coded("57P01"));
    const error: unknown = await withStore(() => Promise.reject(cause)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "STORE_UNAVAILABLE", cause, retryAfterSeconds: 1 });
    expect((error as Error).message).not.toContain("secret");
  });

  it("lets other errors pass", async () => {
    const error = new AppError("CONFLICT", "stale");
    await expect(withStore(() => Promise.reject(error))).rejects.toBe(error);
  });

  it("leaves no timer behind work that fails before there is a promise of it", async () => {
    const time = clock();
    const work = (): Promise<never> => {
      throw coded("ECONNRESET");
    };
    await expect(withStore(work, time)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(time.isSet()).toBe(false);
  });

  it("answers in time though the work does not, and tells the work", async () => {
    const time = clock();
    let isLate = (): boolean => false;
    const result = withStore((late) => {
      isLate = late;
      return new Promise<never>(() => undefined);
    }, time);
    expect(isLate()).toBe(false);
    time.ring();
    await expect(result).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(isLate()).toBe(true);
  });
});
