import { describe, expect, it } from "@jest/globals";
import { templateOf } from "../../../src/cluster/instance-template.js";
import { anEnvironment } from "../poolmgr/support/builders.js";

describe("What an instance is started from", () => {
  it("differs by image, contract, pod template and each resource, not by size or name", () => {
    const base = anEnvironment();
    const others = [
      anEnvironment({ image: "other" }),
      anEnvironment({ contract: "FISSION_V1" }),
      anEnvironment({ podTemplate: { spec: { priorityClassName: "low" } } }),
      anEnvironment({ resources: { ...base.resources, memoryLimit: "1Gi" } }),
      anEnvironment({ resources: { ...base.resources, memoryRequest: "1Gi" } }),
    ];
    expect(new Set([base, ...others].map(templateOf)).size).toBe(6);
    expect(templateOf(anEnvironment({ poolSize: 9, name: "x", gracePeriodSeconds: 1 }))).toBe(templateOf(base));
  });
  it("is the same in whatever order a pod template says it", () => {
    const selectors = [
      { disk: "ssd", zone: "a" },
      { zone: "a", disk: "ssd" },
    ];
    const templates = selectors.map((nodeSelector) =>
      templateOf(anEnvironment({ podTemplate: { spec: { nodeSelector } } })),
    );
    expect(new Set(templates).size).toBe(1);
  });
});
