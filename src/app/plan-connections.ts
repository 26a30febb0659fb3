/** How many connections clients may have, so that some descriptors are always left for what serves them. Pure. */
export interface ConnectionBounds {
  readonly router: number;
  readonly api: number;
}

/** Of a process with all roles, at rest and with all its connections to the store. */
const ownFiles = 96;
/** Its pipes, and the connections on which it is started and specialized. */
const filesOfInstance = 5;
const apiMost = 2_000;
const routerMost = 10_000;

/** `openFiles`: what the process may have in all; `instances`: those that it may start, as processes of this machine. */
export function planConnections(openFiles: number, instances: number): ConnectionBounds {
  const kept = Math.min(ownFiles + instances * filesOfInstance, openFiles / 2);
  const left = openFiles - kept;
  const api = Math.floor(Math.min(apiMost, left / 4));
  // Whoever is served has a connection to an instance too.
  return { api, router: Math.floor(Math.min(routerMost, (left - api) / 2)) };
}
