import type { Check } from "../../model/check.js";

/** What workers found, as one: of each check what the first worker says whom it concerns. Pure. */
export function checksOfWorkers(
  looks: readonly { readonly number: number; readonly checks: readonly Check[] }[],
  unready: string | undefined,
): Check[] {
  const found = looks.flatMap(({ number, checks }) => checks.map((check) => ({ number, check })));
  const names = new Set(found.map(({ check }) => check.name));
  const together = [...names].map((name): Check => {
    const same = found.filter(({ check }) => check.name === name);
    const bad = same.find(({ check }) => !check.ok);
    if (bad !== undefined) return { ...bad.check, message: `Worker ${bad.number}: ${bad.check.message}` };
    return { name, ok: true, message: same[0]?.check.message ?? "" };
  });
  const message = unready ?? `${looks.length} workers answer.`;
  return [{ name: "router workers", ok: unready === undefined, message }, ...together];
}
