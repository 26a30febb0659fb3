/**
 * X-Forwarded-*, X-Real-IP and Forwarded. They say who called; from a peer that is not trusted they are made anew, so a function
 * may believe them.
 */
import type { IncomingHttpHeaders } from "node:http";
import { BlockList, isIP, type Socket } from "node:net";
import { HeaderLines } from "./header-lines.js";
import { namedInConnection } from "./request-head.js";

interface Remembered {
  readonly host: string;
  readonly headers: HeaderLines;
}

export class Forwarded {
  readonly #trusted: BlockList | null;
  /** Most requests of a connection are for one host, so its headers are made once. */
  readonly #perSocket = new WeakMap<Socket, Remembered>();

  /** `trusted`: addresses and CIDR blocks of proxies whose headers are kept and added to. */
  constructor(trusted: readonly string[]) {
    this.#trusted = trusted.length === 0 ? null : blockList(trusted);
  }

  /** They, and the request's Host, which is `host`. */
  headersFor(socket: Socket, host: string, incoming: IncomingHttpHeaders): HeaderLines {
    const peer = plainAddress(socket.remoteAddress ?? "");
    if (this.#trusted?.check(peer, isIP(peer) === 6 ? "ipv6" : "ipv4") === true) return added(peer, host, incoming);
    const known = this.#perSocket.get(socket);
    if (known?.host === host) return known.headers;
    const headers = added(peer, host, {});
    this.#perSocket.set(socket, { host, headers });
    return headers;
  }
}

function added(peer: string, host: string, incoming: IncomingHttpHeaders): HeaderLines {
  const before = (name: string): string => {
    const value = incoming[name];
    return value === undefined ? "" : `${String(value)}, `;
  };
  const kept = (name: string, otherwise: string): string => String(incoming[name] ?? otherwise);
  const proto = kept("x-forwarded-proto", "http");
  const forwardedHost = kept("x-forwarded-host", host);
  const node = isIP(peer) === 6 ? `"[${peer}]"` : peer;
  return HeaderLines.kept([
    "Host",
    host,
    "X-Forwarded-For",
    before("x-forwarded-for") + peer,
    "X-Forwarded-Proto",
    proto,
    "X-Forwarded-Host",
    forwardedHost,
    "X-Forwarded-Port",
    kept("x-forwarded-port", portOf(forwardedHost, proto)),
    "Forwarded",
    `${before("forwarded")}for=${node};host="${host}";proto=http`,
    ...others(incoming),
  ]);
}

/** As the client sees it. Where several proxies have said something, the first is the one that it spoke to. */
function portOf(host: string, proto: string): string {
  const [first = ""] = host.split(",");
  return /:(\d+)$/.exec(first.trim())?.[1] ?? (/^\s*(https|wss)\s*(,|$)/i.test(proto) ? "443" : "80");
}

/** Not the spellings with underscores, which the proxy may not have looked at. */
const otherName = /^x-(real-ip|forwarded-[a-z\d-]+)$/;
const made = new Set(["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"]);

/** What else a proxy says: X-Forwarded-Prefix and -User, X-Real-IP. */
function others(incoming: IncomingHttpHeaders): string[] {
  const named = incoming.connection === undefined ? undefined : namedInConnection(incoming.connection);
  const isKept = (name: string): boolean => otherName.test(name) && !made.has(name) && named?.has(name) !== true;
  return Object.entries(incoming).flatMap(([name, value]) => (isKept(name) ? [name, String(value)] : []));
}

/** IPv4 in its IPv6 clothes (`::ffff:10.0.0.1`) is IPv4. */
const plainAddress = (address: string): string => (address.startsWith("::ffff:") ? address.slice(7) : address);

function blockList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", bits] = entry.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
