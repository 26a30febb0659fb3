import type { AddressInfo } from "node:net";
import type { Clock } from "../lib/clock.js";
import { Connections, defaultConnectionSettings } from "./connections.js";

const deadlineMs = 1_000;

/**
 * Asks the router itself for its health, as it asks instances: what is compiled or loaded at the first request that is
 * sent on is so before somebody waits for it. Never rejects.
 */
export function warmUp({ address, family, port }: AddressInfo, clock: Clock): Promise<void> {
  const host = family === "IPv6" ? `[${address}]` : address;
  const connections = new Connections(`${host}:${port}`, defaultConnectionSettings, clock);
  const head = `GET /-/healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  return new Promise<void>((resolve) => {
    const timer = clock.after(deadlineMs, resolve);
    const end = (): void => {
      timer.stop();
      resolve();
    };
    connections
      .take()
      .send(
        { method: "GET", head, body: null, isChunked: false },
        { sending: () => {}, head: () => {}, body: () => true, whole: end, end, lost: end, look: () => Infinity },
      );
  }).finally(() => connections.destroy());
}
