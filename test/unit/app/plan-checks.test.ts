import { describe, expect, it } from "@jest/globals";
import { planChecks } from "../../../src/app/plan-checks.js";
import type { ServerProcess } from "../../../src/model/server-process.js";

let count = 0;
const aProcess = (role: string, fields: Partial<ServerProcess> = {}): ServerProcess => ({
  id: `p${++count}`,
  roles: [role],
  host: `${role}-1`,
  version: "0.1.0",
  startedAt: new Date("2030-01-01T00:00:00Z"),
  unready: null,
  leads: [],
  cluster: null,
  checks: [],
  ...fields,
});

const healthy = (): ServerProcess[] => [
  aProcess("api"),
  aProcess("router"),
  aProcess("poolmgr", { leads: ["poolmgr"] }),
  aProcess("triggers", { leads: ["triggers"] }),
];

const failed = (processes: readonly ServerProcess[]): Record<string, string> =>
  Object.fromEntries(planChecks(processes).flatMap(({ name, ok, message }) => (ok ? [] : [[name, message]])));

describe("planChecks", () => {
  it("is content with one of each, where the led ones are led", () => {
    expect(failed(healthy())).toEqual({});
  });

  it("misses a role that nobody has", () => {
    expect(failed(healthy().filter(({ roles }) => !roles.includes("router")))).toEqual({
      "role router": "No process of this role has been heard of lately.",
    });
  });

  it("says why none of a role is ready, and lets one of two be", () => {
    const [api, ...others] = healthy();
    const unready = aProcess("api", { host: "api-2", unready: "The store is away." });
    expect(failed([unready, ...others])).toEqual({ "role api": "None is ready: The store is away." });
    expect(failed([api as ServerProcess, unready, ...others])).toEqual({});
  });

  it("wants exactly one pool manager to lead", () => {
    const others = healthy().filter(({ roles }) => !roles.includes("poolmgr"));
    const leader = (host: string): ServerProcess => aProcess("poolmgr", { host, leads: ["poolmgr"] });
    expect(failed([...others, aProcess("poolmgr")])).toEqual({ "role poolmgr": "1 of 1 are ready, none leads." });
    expect(failed([...others, leader("a"), leader("b")])).toEqual({
      "role poolmgr": "2 of 2 are ready, a and b leads.",
    });
    expect(failed([...others, leader("a"), aProcess("poolmgr")])).toEqual({});
  });

  it("tells which process found what", () => {
    const clock = { name: "clock", ok: false, message: "It differs." };
    const [api, ...others] = healthy();
    expect(failed([{ ...(api as ServerProcess), checks: [clock] }, ...others])).toEqual({
      "clock (api on api-1)": "It differs.",
    });
  });

  it("tells of an upgrade that is under way, which is no fault", () => {
    const checks = planChecks([...healthy(), aProcess("router", { version: "0.2.0" })]);
    expect(checks.find(({ name }) => name === "versions")).toEqual({
      name: "versions",
      ok: true,
      message: "Versions 0.1.0 and 0.2.0 run beside each other, as during an upgrade.",
    });
  });
});
