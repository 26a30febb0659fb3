import { describe, expect, it } from "@jest/globals";
import { StopStack } from "../../../src/lib/stop-stack.js";

describe("StopStack", () => {
  it("stops in reverse order, once, and goes on where one fails", async () => {
    const told: string[] = [];
    const stack = new StopStack((name) => told.push(`failed ${name}`));
    stack.push("first", () => void told.push("first"));
    stack.push("second", () => Promise.reject(new Error("no")));
    stack.push("third", () => void told.push("third"));
    await Promise.all([stack.stop(), stack.stop()]);
    expect(told).toEqual(["third", "failed second", "first"]);
  });
});
