import type { AddressInfo } from "node:net";
import { Client } from "undici";

const deadlineMs = 1_000;

/**
 * Asks the router itself for its health, as it asks instances: what is compiled or loaded at the first request that is
 * sent on (10 ms, most of it for the HTTP parser) is so before somebody waits for it. Never rejects.
 */
export async function warmUp({ address, family, port }: AddressInfo): Promise<void> {
  const host = family === "IPv6" ? `[${address}]` : address;
  const limits = { headersTimeout: deadlineMs, bodyTimeout: deadlineMs, connectTimeout: deadlineMs };
  const client = new Client(`http://${host}:${port}`, limits);
  try {
    const { body } = await client.request({ method: "GET", path: "/-/healthz" });
    await body.dump();
  } catch {
    // The first request is slower then.
  } finally {
    await client.destroy();
  }
}
