import { expect, it } from "@jest/globals";
import { createServer, type AddressInfo } from "node:net";
import { reaches } from "../../../src/poolmgr/reaches.js";

it("tells whether an instance takes connections", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await reaches(address)).toBe(true);
  await new Promise((resolve) => server.close(resolve));
  expect(await reaches(address)).toBe(false);
});
