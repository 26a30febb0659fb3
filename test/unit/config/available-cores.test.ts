import { describe, expect, it } from "@jest/globals";
import { coresWithin } from "../../../src/config/available-cores.js";
import { readConfig } from "../../../src/config/read-config.js";
import { routerWorkers } from "../../../src/config/router-workers.js";

/** A machine of 8 cores with these files. */
const cores = (files: Readonly<Record<string, string>>): number => coresWithin(8, (file) => files[file]);

describe("The cores that may be used", () => {
  it.each([
    ["no cgroup", {}, 8],
    ["a limit, rounded up", { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "150000 100000\n" }, 2],
    ["a limit below one core", { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "20000 100000\n" }, 1],
    ["a limit above the machine", { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "900000 100000\n" }, 8],
    ["none", { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "max 100000\n" }, 8],
    [
      "one of a cgroup around it",
      {
        "/proc/self/cgroup": "0::/fermi.slice/router.service\n",
        "/sys/fs/cgroup/fermi.slice/cpu.max": "300000 100000\n",
        "/sys/fs/cgroup/fermi.slice/router.service/cpu.max": "max 100000\n",
      },
      3,
    ],
    [
      "one of version 1",
      {
        "/proc/self/cgroup": "9:memory:/x\n4:cpu,cpuacct:/docker/1a2b\n0::/\n",
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "250000\n",
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
      },
      3,
    ],
    [
      "none of version 1",
      {
        "/proc/self/cgroup": "4:cpu:/\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
      },
      8,
    ],
  ])("are counted within %s", (_, files, expected) => {
    expect(cores(files)).toBe(expected);
  });
});

describe("The number of router workers", () => {
  const workers = (env: Record<string, string>, cores: number): number => {
    const apart = {
      DATABASE_URL: "postgres://localhost/fermi",
      FERMI_INTERNAL_SECRET: "x".repeat(32),
      FERMI_POOLMGR_URL: "http://localhost:31315",
      FERMI_INTERNAL_ROUTER_URL: "http://localhost:31314",
    };
    return routerWorkers(readConfig([], env["FERMI_ROLES"] === undefined ? env : { ...apart, ...env }), () => cores);
  };

  it.each([
    ["that of the cores in a process that is a router", { FERMI_ROLES: "router" }, 16, 16],
    ["four at most beside other roles", {}, 16, 4],
    ["half of the cores, rounded up, beside other roles", {}, 3, 2],
    ["one beside other roles on two cores", {}, 2, 1],
    ["one where there is no router", { FERMI_ROLES: "api", FERMI_ROUTER_WORKERS: "3" }, 16, 1],
    ["what is asked for", { FERMI_ROUTER_WORKERS: "7" }, 16, 7],
  ])("is %s", (_, env, cores, expected) => {
    expect(workers(env, cores)).toBe(expected);
  });
});
