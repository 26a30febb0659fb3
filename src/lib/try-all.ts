/** Does one after another, also after one that fails: then it rejects at the end, with what went wrong. */
export async function tryAll(steps: readonly (() => Promise<unknown>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 0) return;
  if (failures.length === 1) throw failures[0];
  const words = new Set(failures.map((error) => (error instanceof Error ? error.message : String(error))));
  throw new AggregateError(failures, [...words].join("; "));
}
