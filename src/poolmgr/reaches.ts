import { canConnect } from "../lib/can-connect.js";

/** One lost packet is made good within that. */
const withinMs = 1_500;

/** Whether an instance takes connections at its host:port, as seen from here. Never rejects. */
export function reaches(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`http://${address}`);
  return canConnect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port === "" ? 80 : port) }, withinMs);
}
