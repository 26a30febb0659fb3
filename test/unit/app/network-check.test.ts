import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { describe, expect, it } from "@jest/globals";
import { checkNetworkPolicy, NetworkCheck } from "../../../src/app/network-check.js";
import { systemClock } from "../../../src/lib/clock.js";

describe("checkNetworkPolicy", () => {
  it("tells whether an instance lets in who should not get there", async () => {
    const server = net.createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { message } = await checkNetworkPolicy(address);
    expect(message).toContain("enforces no network policies");
    expect(message).toContain("those of Fission's images answer anybody");
    server.close();
    await once(server, "close");
    expect((await checkNetworkPolicy(address)).message).toBe("Instances let in routers and pool managers alone.");
    expect((await checkNetworkPolicy(null)).message).toContain("no instance");
  });
});

describe("NetworkCheck", () => {
  it("remembers its answer for a while, but not that there was no instance", async () => {
    const server = net.createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(server, "listening");
    let [address, nowMs]: [string | null, number] = [null, 0];
    const check = new NetworkCheck(() => address, { ...systemClock, monotonicMs: () => nowMs });
    expect((await check.get()).message).toContain("no instance");
    address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect((await check.get()).message).toContain("enforces no network policies");
    server.close();
    await once(server, "close");
    expect((await check.get()).message).toContain("enforces no network policies");
    nowMs = 30_000;
    expect((await check.get()).message).toBe("Instances let in routers and pool managers alone.");
  });
});
