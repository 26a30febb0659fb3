import net from "node:net";
import type { Check } from "../model/check.js";

const name = "network policy";
const withinMs = 1_000;

/**
 * Whether the cluster's network enforces policies, as seen by one that no instance lets in. That it does not is no fault
 * of the installation: instances refuse whoever lacks their key. Never rejects.
 */
export async function checkNetworkPolicy(address: string | null): Promise<Check> {
  if (address === null) return { name, ok: true, message: "There is no instance to try it with." };
  const message = (await isOpen(address))
    ? "The API reaches instances, so this cluster enforces no network policies; that instances demand their key is all that keeps strangers out."
    : "Instances let in routers and pool managers alone.";
  return { name, ok: true, message };
}

function isOpen(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`http://${address}`);
  return new Promise((resolve) => {
    const socket = net.connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
    const end = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(withinMs, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
