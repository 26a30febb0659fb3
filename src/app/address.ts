/** Every address of this machine, and loopback, are reached as localhost. */
export const addressForPeople = (host: string, port: number): string => `http://${nameOf(host)}:${port}`;

const nameOf = (host: string): string =>
  ["127.0.0.1", "0.0.0.0", "::", "::1"].includes(host) ? "localhost" : host.includes(":") ? `[${host}]` : host;
