const namesRoomForSuffix = 55;

/** A label made of a route's first method and its path: `get-users-id` for GET /users/{id}. */
export function triggerNameBase(methods: readonly string[], path: string): string {
  const words = path
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  const base = `${(methods[0] ?? "any").toLowerCase()}-${words === "" ? "root" : words}`;
  return base.slice(0, namesRoomForSuffix).replace(/-+$/, "");
}

/** The base itself, or with the lowest number that makes it differ from the names that are taken. */
export function firstFreeName(base: string, taken: readonly string[]): string {
  const names = new Set(taken);
  let name = base;
  for (let suffix = 2; names.has(name); suffix++) name = `${base}-${suffix}`;
  return name;
}
