import { describe, expect, it } from "@jest/globals";
import { InstanceDirectory } from "../../../src/poolmgr/instance-directory.js";
import { FakeClock } from "./support/fake-clock.js";

const identity = { functionId: "fn", version: 1, key: "secret" };

describe("InstanceDirectory", () => {
  it("knows an instance for as long as it lives and a minute more", async () => {
    const clock = new FakeClock();
    const directory = new InstanceDirectory(clock);
    directory.add("i", identity);
    await clock.pass(3_600_000);
    expect(directory.identify("i")).toBe(identity);
    directory.remove("i");
    await clock.pass(59_999);
    expect(directory.identify("i")).toBe(identity);
    await clock.pass(1);
    expect(directory.identify("i")).toBeUndefined();
  });

  it("knows nothing of others", () => {
    const directory = new InstanceDirectory(new FakeClock());
    directory.remove("i");
    expect(directory.identify("i")).toBeUndefined();
  });

  it("remembers no more than 10,000 that are gone", () => {
    const directory = new InstanceDirectory(new FakeClock());
    for (let i = 0; i < 10_500; i++) {
      directory.add(`i${i}`, identity);
      directory.remove(`i${i}`);
    }
    expect(directory.identify("i499")).toBeUndefined();
    expect(directory.identify("i500")).toBe(identity);
  });
});
