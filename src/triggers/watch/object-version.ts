const isNumber = (version: string): boolean => /^[1-9]\d*$/.test(version);

/** Whether both are of Kubernetes' own store, and the one came before the other there. */
export const isBehind = (version: string, than: string): boolean =>
  isNumber(version) && isNumber(than) && isNewer(than, version);

/**
 * Whether an object's version came after another of the same object. Versions of Kubernetes' own store are numbers that
 * grow; of any other only whether they are the same can be told, and what is another one is taken for newer.
 */
export function isNewer(version: string, than: string): boolean {
  if (!isNumber(version) || !isNumber(than)) return version !== than;
  return version.length === than.length ? version > than : version.length > than.length;
}
