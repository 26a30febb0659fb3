import type { Check } from "../../model/check.js";

/** What those of `count` workers that answered found, as one: of each check what the first says that is not well. Pure. */
export function checksOfWorkers(
  looks: readonly { readonly number: number; readonly checks: readonly Check[] }[],
  count: number,
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
  const problem = unready ?? (looks.length < count ? `${looks.length} of ${count} workers answer.` : undefined);
  const message = problem ?? `${count} workers answer.`;
  return [{ name: "router workers", ok: problem === undefined, message }, ...together];
}
