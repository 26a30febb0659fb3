import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { describe, expect, it } from "@jest/globals";
import { checkNetworkPolicy } from "../../../src/app/network-check.js";

describe("checkNetworkPolicy", () => {
  it("tells whether an instance lets in who should not get there", async () => {
    const server = net.createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect((await checkNetworkPolicy(address)).message).toContain("enforces no network policies");
    server.close();
    await once(server, "close");
    expect((await checkNetworkPolicy(address)).message).toBe("Instances let in routers and pool managers alone.");
    expect((await checkNetworkPolicy(null)).message).toContain("no instance");
  });
});
