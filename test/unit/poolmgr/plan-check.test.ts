import { describe, expect, it } from "@jest/globals";
import { planCheck, type PoolProblem } from "../../../src/poolmgr/plan-check.js";

const check = (problems: readonly PoolProblem[]): string => {
  const { name, ok, message } = planCheck({ problems, functions: [], warmWanted: 2, maxInstances: 10, claimed: 0 });
  expect({ name, ok }).toEqual({ name: "instances", ok: problems.length === 0 });
  return message;
};

const broken = (count: number): PoolProblem[] =>
  Array.from({ length: count }, (_, index) => ({ environment: `default/e${count - index}`, problem: "no room" }));

describe("planCheck", () => {
  it("is content where no pool has a problem", () => {
    expect(check([])).toBe("Pools are filled as they should be.");
  });

  it("names the environment of each problem", () => {
    const problems = [
      { environment: "team/python", problem: "Its image is gone." },
      { environment: "default/node", problem: "no node has room for another instance" },
    ];
    expect(check(problems)).toBe(
      "Environment default/node: no node has room for another instance. Environment team/python: Its image is gone.",
    );
  });

  it("tells of three, and how many more there are", () => {
    const three = "Environment default/e1: no room. Environment default/e2: no room. Environment default/e3: no room.";
    expect(check(broken(3))).toBe(three);
    expect(check(broken(4))).toBe(`${three} 1 more environment has a problem too.`);
    expect(check(broken(9))).toBe(`${three} 6 more environments have problems too.`);
  });
});
