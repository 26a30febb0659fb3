import { canConnect } from "../lib/can-connect.js";
import type { Clock } from "../lib/clock.js";
import { Remembered } from "../lib/remembered.js";
import type { Check } from "../model/check.js";

const name = "network policy";
const withinMs = 1_000;
const rememberedMs = 30_000;

/** The check of whichever instance there is. Its answer is remembered, but not that there is none yet. */
export class NetworkCheck {
  readonly #remembered: Remembered<Check>;

  constructor(
    private readonly address: () => string | null,
    clock: Clock,
  ) {
    this.#remembered = new Remembered(() => checkNetworkPolicy(address()), rememberedMs, clock);
  }

  get(): Promise<Check> {
    return this.address() === null ? checkNetworkPolicy(null) : this.#remembered.get();
  }
}

/**
 * Whether the cluster's network enforces policies, as seen by one that no instance lets in. That it does not is no fault
 * of the installation. Instances of Fermi's images refuse whoever lacks their key; Fission's know no keys. Never rejects.
 */
export async function checkNetworkPolicy(address: string | null): Promise<Check> {
  if (address === null) return { name, ok: true, message: "There is no instance to try it with." };
  const message = (await isOpen(address))
    ? "The API reaches instances, so this cluster enforces no network policies: instances of Fermi's images refuse whoever lacks their key, those of Fission's images answer anybody."
    : "Instances let in routers and pool managers alone.";
  return { name, ok: true, message };
}

function isOpen(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`http://${address}`);
  return canConnect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) }, withinMs);
}
