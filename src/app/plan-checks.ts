/** What an operator is told of an installation of several processes. Pure. */
import { roleNames } from "../config/parse-setting.js";
import type { Check } from "../model/check.js";
import type { ServerProcess } from "../model/server-process.js";

/** Of these one process works, and the others stand by. */
const ledRoles = ["poolmgr", "triggers"];

/** What the processes found, each by itself and together. */
export const planChecks = (processes: readonly ServerProcess[]): Check[] => [
  ...roleNames.map((role) => presence(role, processes)),
  versions(processes),
  ...processes.flatMap(ownChecks),
];

function presence(role: string, processes: readonly ServerProcess[]): Check {
  const found = processes.filter(({ roles }) => roles.includes(role));
  const name = `role ${role}`;
  if (found.length === 0) return { name, ok: false, message: "No process of this role has been heard of lately." };
  const ready = found.filter(({ unready }) => unready === null).length;
  if (ready === 0) return { name, ok: false, message: `None is ready: ${found[0]?.unready ?? ""}` };
  if (!ledRoles.includes(role)) return { name, ok: true, message: `${ready} of ${found.length} are ready.` };
  const leaders = found.filter(({ leads }) => leads.includes(role)).map(({ host }) => host);
  const message = `${ready} of ${found.length} are ready, ${leaders.join(" and ") || "none"} leads.`;
  return { name, ok: leaders.length === 1, message };
}

function versions(processes: readonly ServerProcess[]): Check {
  const found = [...new Set(processes.map(({ version }) => version))].sort();
  const message =
    found.length === 1
      ? `All processes are of version ${found[0] ?? ""}.`
      : `Versions ${found.join(" and ")} run beside each other, as during an upgrade.`;
  return { name: "versions", ok: true, message };
}

const ownChecks = ({ roles, host, checks }: ServerProcess): Check[] =>
  checks.map((check) => ({ ...check, name: `${check.name} (${roles.join(", ")} on ${host})` }));
