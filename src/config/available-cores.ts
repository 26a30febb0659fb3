/** How many cores the process may use: those of the machine, of its affinity, and of its cgroup's CPU limit. */
import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

/** A file's text; undefined where it can't be read. */
export type ReadText = (file: string) => string | undefined;

/** The number of cores; where a cgroup limits CPU time to less, that, rounded up. At least 1. */
export const availableCores = (): number => coresWithin(os.availableParallelism(), readText);

/** As `availableCores`, of a machine whose files are what `read` says. */
export function coresWithin(parallelism: number, read: ReadText): number {
  const limits = cgroupsOf(read("/proc/self/cgroup") ?? "").flatMap((cgroup) => limitsOf(cgroup, read));
  return Math.max(1, Math.min(parallelism, ...limits.map(Math.ceil)));
}

/** Where a process is in one hierarchy of cgroups. Version 2 has one for all, version 1 one for each controller. */
interface Cgroup {
  readonly isUnified: boolean;
  /** The folders where the hierarchy may be mounted. */
  readonly roots: readonly string[];
  /** Below the root; in a container often that of the host, of which nothing is there but the root itself. */
  readonly at: string;
}

/** Lines such as `0::/user.slice` (version 2) and `4:cpu,cpuacct:/docker/1a2b` (version 1). */
const cgroupsOf = (text: string): Cgroup[] =>
  text.split("\n").flatMap((line): Cgroup[] => {
    const [, controllers, at] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || at === undefined) return [];
    if (controllers === "") return [{ isUnified: true, roots: ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], at }];
    if (!controllers.split(",").includes("cpu")) return [];
    return [{ isUnified: false, roots: [`/sys/fs/cgroup/${controllers}`, "/sys/fs/cgroup/cpu"], at }];
  });

/** The limits of a cgroup and of those around it, in cores. */
function limitsOf({ isUnified, roots, at }: Cgroup, read: ReadText): number[] {
  const folders = new Set(roots.flatMap((root) => upwards(at).map((below) => path.join(root, below))));
  return [...folders].flatMap((folder) => (isUnified ? limitOfV2(folder, read) : limitOfV1(folder, read)));
}

/** `/a/b`, `/a`, `/`. */
function upwards(at: string): string[] {
  const parts = at.split("/").filter((part) => part !== "" && part !== "..");
  return parts.map((_, index) => `/${parts.slice(0, parts.length - index).join("/")}`).concat("/");
}

/** `200000 100000` is two cores' time, `max 100000` no limit. */
const limitOfV2 = (folder: string, read: ReadText): number[] =>
  quotient(...((read(path.join(folder, "cpu.max")) ?? "").trim().split(" ") as [string?, string?]));

/** A quota of -1 is no limit. */
const limitOfV1 = (folder: string, read: ReadText): number[] =>
  quotient(read(path.join(folder, "cpu.cfs_quota_us")), read(path.join(folder, "cpu.cfs_period_us")));

function quotient(quota?: string, period?: string): number[] {
  const cores = Number(quota) / Number(period);
  return Number.isFinite(cores) && cores > 0 ? [cores] : [];
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
