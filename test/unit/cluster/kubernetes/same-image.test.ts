import { describe, expect, it } from "@jest/globals";
import { isMadeFrom } from "../../../../src/cluster/kubernetes/same-image.js";

describe("A pod is made from a template", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const isMade = (wanted: string, found: string): boolean =>
    isMadeFrom(new Map([["function", found]]), { containers: [{ name: "function", image: wanted }] });

  it.each([
    ["team/node:20", "team/node:20"],
    ["team/node:20", "mirror.local:5000/proxy/team/node:20"],
    ["registry.io/team/node:20", "mirror.local/team/node:20"],
    ["team/node:20", `team/node:20@${digest}`],
    ["team/node:20", `team/node@${digest}`],
    ["node", "docker.io/library/node:latest"],
    [`team/node@${digest}`, `mirror.local/team/node@${digest}`],
  ])("where %s was asked for and it runs %s", (wanted, found) => expect(isMade(wanted, found)).toBe(true));

  it.each([
    ["team/node:20", "evil/evil:1"],
    ["team/node:20", "team/node:21"],
    ["team/node:20", "steam/node:20"],
    ["team/node:20", "evilteam/node:20"],
    [`team/node@${digest}`, "team/node:20"],
    [`team/node@${digest}`, `team/node@${digest}1`],
    ["team/node:20", ""],
  ])("but not where %s was asked for and it runs %s", (wanted, found) => expect(isMade(wanted, found)).toBe(false));

  it("whatever the cluster runs beside its containers", () => {
    const images = new Map([
      ["mesh", "mesh:1"],
      ["function", "team/node:20"],
    ]);
    expect(isMadeFrom(images, { containers: [{ name: "function", image: "team/node:20" }] })).toBe(true);
    expect(isMadeFrom(images, { containers: [{ name: "fetcher", image: "fermi:1" }] })).toBe(false);
  });
});
